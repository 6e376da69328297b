import { z } from "zod";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { ForgeStatus } from "../../../shared/usecases/forge.ts";
import { type GithubClient, parseAnswer } from "./github-client.ts";
import { oneLine } from "./shown-text.ts";

/**
 * A commit status (https://docs.github.com/rest/commits/statuses): for those who have no App. GitHub keeps them all and
 * shows the newest of each context.
 */

const DESCRIPTION_LENGTH_MAX = 140;
const CONTEXT_LENGTH_MAX = 255;

const created = z.object({ id: z.int() });

/** Answers the status' id. Where the answer of an earlier call was lost, the same is said twice, and shown once. */
export async function putCommitStatus(
  client: GithubClient,
  project: ProjectItem,
  status: ForgeStatus,
): Promise<string> {
  const body = {
    state: stateOf(status),
    context: oneLine(status.name, CONTEXT_LENGTH_MAX),
    description: oneLine(status.title, DESCRIPTION_LENGTH_MAX),
    ...(status.detailsUrl === undefined ? {} : { target_url: status.detailsUrl }),
  };
  const answer = await client.call(project, "POST /repos/{owner}/{repo}/statuses/{sha}", { sha: status.sha, ...body });
  return String(parseAnswer(created, answer, "new commit status").id);
}

/** Pending until it is over; `error` is for what is not the commit's fault. */
const STATES: Record<NonNullable<ForgeStatus["conclusion"]>, "pending" | "success" | "failure" | "error"> = {
  success: "success",
  skipped: "success",
  neutral: "success",
  failure: "failure",
  timed_out: "failure",
  action_required: "pending",
  cancelled: "error",
};

const stateOf = ({ state, conclusion = "cancelled" }: ForgeStatus) =>
  state === "completed" ? STATES[conclusion] : "pending";
