import { z } from "zod";
import type { ProjectItem } from "../../../shared/store/items.ts";
import { ForgeError, type ForgeStatus } from "../../../shared/usecases/forge.ts";
import { type GithubAnswer, type GithubClient, parseAnswer } from "./github-client.ts";
import { oneLine, withinBytes } from "./shown-text.ts";

/**
 * A check run (https://docs.github.com/rest/checks/runs). One that is completed can no longer be changed back, so a
 * status that goes on after it has a key of its own.
 */

const TITLE_LENGTH_MAX = 255;
const SUMMARY_BYTES_MAX = 65_535;
const ANNOTATIONS_MAX = 50;
const ANNOTATION_BYTES_MAX = 64 * 1_024;
/** Runs of one name at one commit: reruns, and other pipelines of that name. */
const LOOK_PAGES_MAX = 3;
const PAGE = 100;

const created = z.object({ id: z.int().positive() });
const found = z.object({
  check_runs: z.array(z.object({ id: z.int().positive(), external_id: z.string().nullish() })),
});

/**
 * Answers the check run's id. Without one it looks first whether this status is there already: the answer of an earlier
 * create may have been lost.
 */
export async function putCheckRun(
  client: GithubClient,
  project: ProjectItem,
  status: ForgeStatus,
  externalId: string | undefined,
): Promise<string> {
  const id = externalId ?? (await findCheckRun(client, project, status));
  const body = toBody(status);
  if (id !== undefined) {
    const { name: _, ...change } = body;
    await client.call(project, "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
      check_run_id: id,
      ...change,
    });
    return id;
  }
  const answer = await client.call(project, "POST /repos/{owner}/{repo}/check-runs", {
    head_sha: status.sha,
    external_id: status.key,
    ...body,
  });
  return String(parseAnswer(created, answer, "new check run").id);
}

async function findCheckRun(
  client: GithubClient,
  project: ProjectItem,
  status: ForgeStatus,
): Promise<string | undefined> {
  for (let page = 1; page <= LOOK_PAGES_MAX; page += 1) {
    const answer = await listCheckRuns(client, project, status, page);
    const { check_runs: runs } = parseAnswer(found, answer, "list of check runs");
    const mine = runs.find(({ external_id: key }) => key === status.key);
    if (mine !== undefined) return String(mine.id);
    if (runs.length < PAGE) return undefined;
  }
  throw new ForgeError(`commit ${status.sha} has more than ${LOOK_PAGES_MAX * PAGE} check runs named ${status.name}`, {
    status: 422,
    retry: false,
  });
}

function listCheckRuns(
  client: GithubClient,
  project: ProjectItem,
  { sha, name }: ForgeStatus,
  page: number,
): Promise<GithubAnswer> {
  const which = { ref: sha, check_name: name, filter: "all", per_page: PAGE, page };
  return client.call(project, "GET /repos/{owner}/{repo}/commits/{ref}/check-runs", which);
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
