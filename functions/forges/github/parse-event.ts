import { z } from "zod";
import { TRIGGER_PATH_LENGTH_MAX, TRIGGER_PATHS_LENGTH_MAX, TRIGGER_PATHS_MAX } from "../../../shared/domain/limits.ts";
import { cut } from "../../../shared/lib/cut.ts";
import { branchOfRef, tagOfRef } from "../../../shared/lib/ref-names.ts";
import { skipWordsOf } from "../../../shared/pipeline/skip-words.ts";
import { type ToldRepository, type Trigger, triggerSchema } from "../../../shared/protocol/triggers.ts";

/** A webhook's payload in no forge's words. Pure; read tolerantly: GitHub adds fields, and old servers lack some. */

export type ParsedEvent =
  | { readonly kind: "trigger"; readonly repository: ToldRepository; readonly trigger: Trigger }
  /** The repository has another name, or another owner. */
  | { readonly kind: "moved"; readonly repository: ToldRepository }
  /** Starts nothing, and says why. */
  | { readonly kind: "ignored"; readonly reason: string }
  /** Not what GitHub sends. */
  | { readonly kind: "unreadable"; readonly reason: string };

/** GitHub tells at most so many commits of a push; files of the others are not told. */
const COMMITS_TOLD_MAX = 2_048;
const NO_COMMIT = /^0+$/;
const REPOSITORY_LENGTH_MAX = 512;
const ID_LENGTH_MAX = 64;
const ACTION_LENGTH_MAX = 64;
const MISTAKES_LENGTH_MAX = 500;
const ACTIONS = ["opened", "synchronize", "reopened", "closed"] as const;

/** DynamoDB stores no half of a surrogate pair, and JSON may bring one. */
const text = z.string().transform((value) => value.toWellFormed());
const time = z.union([z.int().transform((seconds) => seconds * 1_000), z.string().transform((iso) => Date.parse(iso))]);
const files = z.array(text).nullish();
const id = z.union([z.int(), z.string()]).transform(String);
const repository = z.object({ id: id.nullish(), full_name: text, pushed_at: time.nullish() });
/** Shown, and nothing depends on it. */
const sender = z.object({ login: text }).nullish().catch(undefined);

const push = z.object({
  ref: text,
  before: z.string().nullish(),
  after: z.string(),
  created: z.boolean().nullish(),
  deleted: z.boolean().nullish(),
  forced: z.boolean().nullish(),
  head_commit: z.object({ id: z.string(), message: text.nullish() }).nullish(),
  commits: z.array(z.object({ added: files, removed: files, modified: files })).nullish(),
  repository,
  sender,
});

const pullRequest = z.object({
  action: z.string(),
  number: z.int(),
  before: z.string().nullish(),
  changes: z.object({ base: z.object({ ref: z.unknown() }).nullish() }).nullish(),
  pull_request: z.object({
    updated_at: time.nullish(),
    closed_at: time.nullish(),
    head: z.object({ sha: z.string(), ref: text, repo: z.object({ id: z.int() }).nullish() }),
    base: z.object({ sha: z.string(), ref: text, repo: z.object({ id: z.int() }) }),
  }),
  repository,
  sender,
});

const moving = z.object({ action: z.string(), repository });
const MOVES = ["renamed", "transferred"];

/** `event` is the `X-GitHub-Event` header; `receivedAtMs` stands in where the payload names no time. */
export function parseEvent(event: string, payload: unknown, receivedAtMs: number): ParsedEvent {
  if (event === "push") return parsedAs(push, payload, (value) => readPush(value, receivedAtMs));
  if (event === "pull_request") return readPullRequestEvent(payload, receivedAtMs);
  if (event === "repository") return readRepositoryEvent(payload);
  return { kind: "ignored", reason: reasonOf(event) };
}

function readRepositoryEvent(payload: unknown): ParsedEvent {
  const parsed = moving.safeParse(payload);
  if (!parsed.success) return { kind: "unreadable", reason: mistakes(parsed.error) };
  const { action, repository: about } = parsed.data;
  if (MOVES.includes(action)) return { kind: "moved", repository: toldOf(about) };
  return { kind: "ignored", reason: `repository ${cut(action, ACTION_LENGTH_MAX)}: it starts nothing` };
}

const toldOf = ({ id: told, full_name: name }: z.output<typeof repository>): ToldRepository => ({
  name: cut(name, REPOSITORY_LENGTH_MAX),
  ...(told == null ? {} : { id: cut(told, ID_LENGTH_MAX) }),
});

function reasonOf(event: string): string {
  if (event === "ping") return "ping: the webhook works";
  if (event === "create" || event === "delete") return `${event}: the push that comes with it tells it`;
  return `events of this kind start nothing: ${event}`;
}

type Reading = { readonly ignored: string } | { readonly candidate: unknown };

function parsedAs<S extends z.ZodType<{ repository: z.output<typeof repository> }>>(
  schema: S,
  payload: unknown,
  read: (value: z.output<S>) => Reading,
): ParsedEvent {
  const parsed = schema.safeParse(payload);
  if (!parsed.success) return { kind: "unreadable", reason: mistakes(parsed.error) };
  const about = toldOf(parsed.data.repository);
  const reading = read(parsed.data);
  if ("ignored" in reading) return { kind: "ignored", reason: reading.ignored };
  const trigger = triggerSchema.safeParse(reading.candidate);
  if (!trigger.success) return { kind: "ignored", reason: `not one of ours: ${mistakes(trigger.error)}` };
  return { kind: "trigger", repository: about, trigger: trigger.data };
}

const mistakes = ({ issues }: z.ZodError): string => {
  const told = issues.slice(0, 3).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  return cut(told.join("; "), MISTAKES_LENGTH_MAX);
};

function readPush(value: z.output<typeof push>, receivedAtMs: number): Reading {
  const branch = branchOfRef(value.ref);
  const tag = tagOfRef(value.ref);
  if (branch === undefined && tag === undefined) return { ignored: "a push to neither a branch nor a tag" };
  if (value.deleted === true || NO_COMMIT.test(value.after))
    return { ignored: tag === undefined ? "a branch was deleted" : "a tag was deleted" };
  const occurredAtMs = value.repository.pushed_at ?? receivedAtMs;
  const common = { occurredAtMs, ...actorOf(value) };
  if (tag !== undefined) {
    // `after` of an annotated tag is the tag's own id, and no commit.
    if (!value.head_commit) return { ignored: "a tag of no commit" };
    return { candidate: { event: "tag", ...common, sha: value.head_commit.id, tag } };
  }
  const before = value.before && !NO_COMMIT.test(value.before) ? { before: value.before } : {};
  return {
    candidate: {
      event: "push",
      ...common,
      sha: value.after,
      branch,
      ...before,
      ...pathsOf(value),
      ...skipOf(value),
    },
  };
}

/** Only of a push that adds its commits to what was there: else what differs is not what the commits name. */
function pathsOf(value: z.output<typeof push>): { paths?: string[] } {
  const { commits, created, forced } = value;
  if (!commits || commits.length === 0 || commits.length >= COMMITS_TOLD_MAX || created === true || forced === true)
    return {};
  const named = commits.flatMap(({ added, removed, modified }) => [added, removed, modified]);
  // A server that keeps back the files of one commit tells too little.
  if (named.some((list) => !list)) return {};
  const paths = [...new Set(named.flatMap((list) => list ?? []))];
  const length = paths.reduce((sum, path) => sum + path.length, 0);
  const isTooMuch = paths.length > TRIGGER_PATHS_MAX || length > TRIGGER_PATHS_LENGTH_MAX;
  return isTooMuch || paths.some((path) => path.length > TRIGGER_PATH_LENGTH_MAX) ? {} : { paths };
}

function skipOf({ head_commit }: z.output<typeof push>): { skip?: string } {
  const skip = skipWordsOf(head_commit?.message ?? "");
  return skip === undefined ? {} : { skip };
}

function readPullRequestEvent(payload: unknown, receivedAtMs: number): ParsedEvent {
  return parsedAs(pullRequest, payload, (value) => {
    const { number, pull_request } = value;
    const isRetargeted = value.action === "edited" && value.changes?.base != null;
    const action = isRetargeted ? "synchronize" : value.action;
    if (!ACTIONS.some((one) => one === action))
      return { ignored: `pull_request ${cut(action, ACTION_LENGTH_MAX)}: the commit is as it was` };
    const { head, base, updated_at, closed_at } = pull_request;
    return {
      candidate: {
        event: "pull_request",
        action,
        number,
        sha: head.sha,
        branch: head.ref,
        base: { branch: base.ref, sha: base.sha },
        // Where the branch lives decides, and nothing else; of a repository that is gone nobody knows (SECURITY 19, 22).
        fork: head.repo?.id !== base.repo.id,
        occurredAtMs: (action === "closed" ? closed_at : undefined) ?? updated_at ?? receivedAtMs,
        ...(value.before ? { before: value.before } : {}),
        ...actorOf(value),
      },
    };
  });
}

const actorOf = (value: { sender?: { login: string } | null | undefined }): { actor?: string } =>
  value.sender ? { actor: cut(value.sender.login, 255) } : {};
