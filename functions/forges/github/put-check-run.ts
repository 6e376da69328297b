import { z } from "zod";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { ForgeStatus } from "../../../shared/usecases/forge.ts";
import { type GithubClient, parseAnswer } from "./github-client.ts";
import { isNotFound } from "./read-repository.ts";
import { oneLine, withinBytes } from "./shown-text.ts";

/**
 * A check run (https://docs.github.com/rest/checks/runs). One that is completed can no longer be changed back, so a
 * status that goes on after it has a key of its own.
 */

const TITLE_LENGTH_MAX = 255;
const SUMMARY_BYTES_MAX = 65_535;
const ANNOTATIONS_MAX = 50;
const ANNOTATION_BYTES_MAX = 64 * 1_024;
/** Of one name at one commit there is a newest one in each of the Apps' suites. */
const PAGE = 100;

const created = z.object({ id: z.int().positive() });
const changed = z.object({ status: z.string().optional(), conclusion: z.string().nullish() });
const owner = z.object({ id: z.int() }).nullish();
const found = z.object({ check_runs: z.array(changed.extend({ id: z.int().positive(), app: owner })) });

/**
 * Answers the check run's id. Without one, or with one that does not go on, the newest of the name goes on if it can: the answer of
 * an earlier create may have been lost. One that is not there any more, since GitHub keeps 1,000 of a name, is created again.
 */
export async function putCheckRun(
  client: GithubClient,
  project: ProjectItem,
  status: ForgeStatus,
  externalId: string | undefined,
): Promise<string> {
  if (externalId !== undefined && (await changeCheckRun(client, project, externalId, status))) return externalId;
  const id = await findNewest(client, project, status);
  if (id !== undefined && (await changeCheckRun(client, project, id, status))) return id;
  const answer = await client.call(project, "POST /repos/{owner}/{repo}/check-runs", {
    head_sha: status.sha,
    external_id: status.key,
    ...toBody(status),
  });
  return String(parseAnswer(created, answer, "new check run").id);
}

/** False where it is not there, or is completed and does not go on: its answer tells. */
async function changeCheckRun(
  client: GithubClient,
  project: ProjectItem,
  id: string,
  status: ForgeStatus,
): Promise<boolean> {
  const { name: _, ...change } = toBody(status);
  try {
    const answer = await client.call(project, "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
      check_run_id: id,
      ...change,
    });
    const stands = parseAnswer(changed, answer, "changed check run");
    return status.state === "completed" || (stands.status !== "completed" && stands.conclusion == null);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** The newest of the name that is ours, where it can go on: a completed one cannot, nor one that asked for an action. */
async function findNewest(
  client: GithubClient,
  project: ProjectItem,
  status: ForgeStatus,
): Promise<string | undefined> {
  const me = await client.identify(project);
  const which = { ref: status.sha, check_name: status.name, filter: "latest", per_page: PAGE };
  const answer = await client.call(project, "GET /repos/{owner}/{repo}/commits/{ref}/check-runs", which);
  const { check_runs: runs } = parseAnswer(found, answer, "list of check runs");
  const ours = runs.filter(({ app }) => me.kind === "app" && app?.id === me.appId);
  const newest = ours.sort((a, b) => b.id - a.id)[0];
  if (newest === undefined) return undefined;
  const goesOn =
    newest.status !== "completed" || (status.state === "completed" && newest.conclusion !== "action_required");
  return goesOn ? String(newest.id) : undefined;
}

function toBody(status: ForgeStatus) {
  const { name, state, conclusion, detailsUrl, startedAtMs, endedAtMs } = status;
  const annotations = status.annotations.slice(0, ANNOTATIONS_MAX).map(toAnnotation);
  return {
    name,
    status: state,
    ...(state === "completed" ? { conclusion: conclusion ?? "neutral" } : {}),
    ...(detailsUrl === undefined ? {} : { details_url: detailsUrl }),
    ...(startedAtMs === undefined ? {} : { started_at: new Date(startedAtMs).toISOString() }),
    ...(state === "completed" && endedAtMs !== undefined ? { completed_at: new Date(endedAtMs).toISOString() } : {}),
    output: {
      title: oneLine(status.title, TITLE_LENGTH_MAX),
      summary: withinBytes(status.summary, SUMMARY_BYTES_MAX),
      ...(annotations.length === 0 ? {} : { annotations }),
    },
  };
}

/** Where in the file a step stands is not known: the file's first line has to do. */
function toAnnotation({ title, message, path }: ForgeStatus["annotations"][number]) {
  return {
    path,
    start_line: 1,
    end_line: 1,
    annotation_level: "failure",
    title: oneLine(title, TITLE_LENGTH_MAX),
    message: withinBytes(message, ANNOTATION_BYTES_MAX),
  };
}
