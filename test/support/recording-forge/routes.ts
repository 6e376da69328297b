import { REFUSALS } from "./faults.ts";
import {
  addCommit,
  addPull,
  ancestry,
  type CheckRun,
  type Comment,
  type CommitStatus,
  differences,
  type NewCommit,
  type NewPull,
  type RepositoryState,
} from "./state.ts";

/** GitHub's REST API, as far as Baton calls it: https://docs.github.com/rest. Refuses what GitHub would refuse. */

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
}
export type Caller =
  | { readonly kind: "user"; readonly login: string }
  | { readonly kind: "installation"; readonly appId: number };

export interface Answered {
  readonly status: number;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const CONCLUSIONS = ["success", "failure", "cancelled", "timed_out", "skipped", "neutral", "action_required"];
const RUN_STATES = ["queued", "in_progress", "completed"];
const STATUS_STATES = ["pending", "success", "failure", "error"];
const DESCRIPTION_LENGTH_MAX = 140;
const FILES_MAX = 300;

const notFound: Answered = { status: 404, body: { message: "Not Found" } };
const invalid = (message: string): Answered => ({ status: 422, body: { message } });
const ok = (body: unknown, status = 200): Answered => ({ status, body });

type Route = (repository: RepositoryState, asked: Asked, parts: readonly string[]) => Answered;

const ROUTES: readonly (readonly [string, RegExp, Route])[] = [
  ["GET", /^$/, ({ id, name, defaultBranch }) => ok({ id, full_name: name, default_branch: defaultBranch })],
  ["GET", /^\/contents\/(.+)$/, contents],
  ["GET", /^\/git\/commits\/([0-9a-f]{40})$/, commit],
  ["GET", /^\/compare\/([0-9a-f]{40})\.\.\.([0-9a-f]{40})$/, compare],
  ["GET", /^\/branches$/, (repository, asked) => page(asked, [...repository.branches].map(toBranch))],
  ["GET", /^\/branches\/(.+)$/, branch],
  ["GET", /^\/pulls$/, pulls],
  ["GET", /^\/pulls\/(\d+)$/, pull],
  ["GET", /^\/git\/matching-refs\/tags$/, tags],
  ["GET", /^\/git\/tags\/([0-9a-f]{40})$/, tagObject],
  ["GET", /^\/commits\/([0-9a-f]{40})\/check-runs$/, listCheckRuns],
  ["GET", /^\/commits\/([0-9a-f]{40})\/statuses$/, listStatuses],
  ["POST", /^\/check-runs$/, createCheckRun],
  ["PATCH", /^\/check-runs\/(\d+)$/, changeCheckRun],
  ["POST", /^\/statuses\/([0-9a-f]{40})$/, createStatus],
  ["GET", /^\/issues\/(\d+)\/comments$/, listComments],
  ["POST", /^\/issues\/(\d+)\/comments$/, createComment],
  ["PATCH", /^\/issues\/comments\/(\d+)$/, changeComment],
];

/** Answers a call below `/repos/<owner>/<name>`; `path` is the rest. */
export function answerRepository(repository: RepositoryState, asked: Asked): Answered {
  for (const [method, pattern, route] of ROUTES) {
    const match = method === asked.method ? pattern.exec(asked.path) : null;
    if (match !== null) return route(repository, asked, match.slice(1).map(decodeURIComponent));
  }
  return notFound;
}

/** For other processes: `POST …/commits`, `POST …/pulls`, `DELETE …/branches/<name>`, `GET …` for all that there is. */
export function answerControl(repository: RepositoryState, method: string, path: string, body: object): Answered {
  if (method === "POST" && path === "/commits") return ok({ sha: addCommit(repository, body as NewCommit).sha }, 201);
  if (method === "POST" && path === "/pulls") return ok(addPull(repository, body as NewPull), 201);
  const [, gone] = /^\/branches\/(.+)$/.exec(path) ?? [];
  if (method === "DELETE" && gone !== undefined) return ok({ deleted: repository.branches.delete(gone) });
  if (method !== "GET" || path !== "") return notFound;
  const { checkRuns, statuses, comments, branches } = repository;
  return ok({ checkRuns, statuses, comments, branches: Object.fromEntries(branches) });
}

function page(asked: Asked, all: readonly unknown[]): Answered {
  const size = Number(asked.query.get("per_page") ?? 30);
  const number = Number(asked.query.get("page") ?? 1);
  return ok(all.slice((number - 1) * size, number * size));
}

const toBranch = ([name, sha]: readonly [string, string]) => ({ name, commit: { sha } });

function contents(repository: RepositoryState, { query, accept }: Asked, [path = ""]: readonly string[]): Answered {
  const files = repository.commits.get(query.get("ref") ?? "")?.files;
  if (files === undefined) return { status: 404, body: { message: "No commit found for the ref" } };
  const text = files.get(path);
  if (text !== undefined)
    return accept.includes("raw")
      ? { status: 200, body: text, contentType: "application/vnd.github.raw+json; charset=utf-8" }
      : ok({ type: "file", name: path.split("/").at(-1), path });
  const below = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
  if (below.length === 0) return notFound;
  const names = new Set(below.map((file) => file.slice(path.length + 1).split("/")[0] ?? ""));
  return ok(
    [...names].map((name) => ({ type: files.has(`${path}/${name}`) ? "file" : "dir", name, path: `${path}/${name}` })),
  );
}

function commit(repository: RepositoryState, _asked: Asked, [sha = ""]: readonly string[]): Answered {
  const found = repository.commits.get(sha);
  return found === undefined ? notFound : ok({ sha, message: found.message });
}

function compare(repository: RepositoryState, _asked: Asked, [before = "", after = ""]: readonly string[]): Answered {
  if (!repository.commits.has(before) || !repository.commits.has(after)) return notFound;
  const older = new Set(ancestry(repository, before));
  const base = ancestry(repository, after).find((sha) => older.has(sha));
  if (base === undefined) return notFound;
  const status = before === after ? "identical" : base === before ? "ahead" : base === after ? "behind" : "diverged";
  const files = differences(repository, base, after).map((filename) => ({ filename }));
  return ok({ status, files: files.slice(0, FILES_MAX) });
}

function branch(repository: RepositoryState, _asked: Asked, [name = ""]: readonly string[]): Answered {
  const sha = repository.branches.get(name);
  return sha === undefined ? notFound : ok(toBranch([name, sha]));
}

function pulls(repository: RepositoryState, asked: Asked): Answered {
  const state = asked.query.get("state") ?? "open";
  return page(
    asked,
    [...repository.pulls.values()].filter((pull) => state === "all" || pull.state === state),
  );
}

function pull(repository: RepositoryState, _asked: Asked, [number]: readonly string[]): Answered {
  const found = repository.pulls.get(Number(number));
  return found === undefined ? notFound : ok(found);
}

/** All in one answer, whatever page is asked for. */
function tags(repository: RepositoryState): Answered {
  if (repository.commits.size === 0) return { status: 409, body: { message: "Git Repository is empty." } };
  const names = [...repository.tags.keys()].sort();
  return ok(
    names.map((name) => ({ ref: `refs/tags/${name}`, object: objectOf(repository, repository.tags.get(name)) })),
  );
}

function tagObject(repository: RepositoryState, _asked: Asked, [sha = ""]: readonly string[]): Answered {
  const target = repository.tagObjects.get(sha);
  return target === undefined ? notFound : ok({ sha, object: objectOf(repository, target) });
}

const objectOf = ({ commits, tagObjects }: RepositoryState, sha = "") => ({
  sha,
  type: tagObjects.has(sha) ? "tag" : commits.has(sha) ? "commit" : "blob",
});

function listCheckRuns(repository: RepositoryState, asked: Asked, [sha = ""]: readonly string[]): Answered {
  const name = asked.query.get("check_name");
  const all = repository.checkRuns.filter((run) => run.head_sha === sha && (name === null || run.name === name));
  const newest = new Map(all.map((run) => [run.name, run]));
  const found = asked.query.get("filter") === "all" ? all : [...newest.values()];
  const { body } = page(asked, found);
  return ok({ total_count: found.length, check_runs: body });
}

function createCheckRun(repository: RepositoryState, { body, caller }: Asked): Answered {
  if (caller.kind !== "installation")
    return { status: 403, body: { message: "You must authenticate via a GitHub App." } };
  const { name, head_sha: sha, external_id: externalId } = body;
  if (typeof name !== "string" || typeof sha !== "string")
    return invalid("Invalid request. name and head_sha are needed");
  if (!repository.commits.has(sha)) return invalid(`No commit found for SHA: ${sha}`);
  const run: CheckRun = {
    id: repository.nextId++,
    name,
    head_sha: sha,
    external_id: typeof externalId === "string" ? externalId : null,
    app: { id: caller.appId },
    status: "queued",
    conclusion: null,
    details_url: null,
    started_at: null,
    completed_at: null,
    output: { title: null, summary: null, annotations: [] },
  };
  const problem = changeRun(run, body);
  if (problem !== undefined) return invalid(problem);
  repository.checkRuns.push(run);
  const named = repository.checkRuns.filter((other) => other.head_sha === sha && other.name === name);
  for (const old of named.slice(0, Math.max(0, named.length - repository.limits.checkRuns)))
    repository.checkRuns.splice(repository.checkRuns.indexOf(old), 1);
  return ok(run, 201);
}

function changeCheckRun(repository: RepositoryState, { body, caller }: Asked, [id]: readonly string[]): Answered {
  if (caller.kind !== "installation")
    return { status: 403, body: { message: "You must authenticate via a GitHub App." } };
  const run = repository.checkRuns.find((one) => one.id === Number(id));
  if (run === undefined) return notFound;
  const problem = changeRun(run, body);
  return problem === undefined ? ok(run) : invalid(problem);
}

/** One that is completed stays so: GitHub answers as if it had changed, and does not. */
function changeRun(run: CheckRun, body: Asked["body"]): string | undefined {
  const { status, conclusion, output } = body;
  if (status !== undefined && !RUN_STATES.includes(String(status))) return `no such status: ${String(status)}`;
  if (conclusion !== undefined && !CONCLUSIONS.includes(String(conclusion)))
    return `no such conclusion: ${String(conclusion)}`;
  if (status === "completed" && conclusion === undefined) return "a completed check run needs a conclusion";
  if (run.status !== "completed" && status !== undefined) run.status = String(status);
  if (conclusion !== undefined) Object.assign(run, { conclusion: String(conclusion), status: "completed" });
  for (const key of ["name", "external_id", "details_url", "started_at", "completed_at"] as const)
    if (typeof body[key] === "string") run[key] = body[key];
  if (typeof output === "object" && output !== null) Object.assign(run.output, output);
  return undefined;
}

function createStatus(repository: RepositoryState, { body }: Asked, [sha = ""]: readonly string[]): Answered {
  const { state, context, description, target_url: target } = body;
  if (!repository.commits.has(sha)) return invalid(`No commit found for SHA: ${sha}`);
  if (!STATUS_STATES.includes(String(state))) return invalid(`no such state: ${String(state)}`);
  if (String(description ?? "").length > DESCRIPTION_LENGTH_MAX)
    return invalid("description is too long (maximum is 140)");
  const named = repository.statuses.filter(
    (other) => other.sha === sha && other.context.toLowerCase() === String(context ?? "default").toLowerCase(),
  );
  if (named.length >= repository.limits.statuses) return { ...REFUSALS.tooManyStatuses };
  const status: CommitStatus = {
    id: repository.nextId++,
    sha,
    state: String(state),
    context: typeof context === "string" ? context : "default",
    description: typeof description === "string" ? description : null,
    target_url: typeof target === "string" ? target : null,
  };
  repository.statuses.push(status);
  return ok(status, 201);
}

/** The newest first. */
function listStatuses(repository: RepositoryState, asked: Asked, [sha = ""]: readonly string[]): Answered {
  return page(asked, repository.statuses.filter((status) => status.sha === sha).reverse());
}

function listComments(repository: RepositoryState, asked: Asked, [number]: readonly string[]): Answered {
  return page(
    asked,
    repository.comments.filter((comment) => comment.number === Number(number)),
  );
}

function createComment(repository: RepositoryState, { body, caller }: Asked, [number]: readonly string[]): Answered {
  if (!repository.pulls.has(Number(number))) return notFound;
  const comment: Comment = {
    id: repository.nextId++,
    number: Number(number),
    body: String(body["body"]),
    user: { login: caller.kind === "user" ? caller.login : "baton[bot]" },
    performed_via_github_app: caller.kind === "user" ? null : { id: caller.appId },
  };
  repository.comments.push(comment);
  return ok(comment, 201);
}

function changeComment(repository: RepositoryState, { body }: Asked, [id]: readonly string[]): Answered {
  const comment = repository.comments.find((one) => one.id === Number(id));
  if (comment === undefined) return notFound;
  comment.body = String(body["body"]);
  return ok(comment);
}
