import { FORGE_LAG_MS, MESSAGE_LENGTH_MAX } from "../domain/limits.ts";
import type { RefusalKind } from "../domain/refusals.ts";
import { shorten } from "../lib/cut.ts";
import type { RunTrigger, Trigger } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";

/**
 * What Baton asks of a forge. GitHub is the first; GitLab and Gitea or Forgejo are to fill the same shape. Every call is
 * for one project, with that project's address and credentials. Throws `ForgeError`, whose `kind` says
 * what to do about it.
 */
export interface Forge {
  /** Pipelines at a commit: paths under `.baton/`, without the server's own settings. */
  listDefinitions(project: ProjectItem, sha: string): Promise<string[]>;
  /** One file at a commit; undefined where it is not there. */
  readFile(project: ProjectItem, sha: string, path: string): Promise<string | undefined>;
  /**
   * Files that differ between two commits; undefined where the forge does not tell all of them. Since `mergeBase`: what
   * the branch of `after` changed since it left the branch of `before`, as of a pull request.
   */
  changedPaths(
    project: ProjectItem,
    before: string,
    after: string,
    since?: "before" | "mergeBase",
  ): Promise<string[] | undefined>;
  /**
   * The project's repository as it is named now: by its id where that is known, so that another repository which took
   * its old name is never answered for it. A renaming that the forge itself leads from is followed.
   */
  readRepository(project: ProjectItem): Promise<RepositoryIdentity>;
  /** The name and head of the default branch. */
  defaultBranch(project: ProjectItem): Promise<BranchHead>;
  /** The head of a branch; undefined where there is no such branch. */
  branchHead(project: ProjectItem, branch: string): Promise<string | undefined>;
  /** A commit's whole message. */
  commitMessage(project: ProjectItem, sha: string): Promise<string>;
  /** Heads of branches and open pull requests; `undefined` where nothing changed since the answer with that `etag`. */
  listHeads(project: ProjectItem, etag: string | undefined): Promise<RepositoryHeads | undefined>;
  /** All tags; `undefined` where nothing changed since the answer with that `etag`. */
  listTags(project: ProjectItem, etag: string | undefined): Promise<RepositoryTags | undefined>;
  /** The commit that a tag names in the end, as a webhook tells it; undefined where it names none: a file, a tree. */
  commitOfTag(project: ProjectItem, tag: TagHead): Promise<string | undefined>;
  /**
   * A pull request as it stands: `synchronize` where it is open, `closed` with the time of that where it is not.
   * Undefined where there is no such pull request.
   */
  readPull(project: ProjectItem, number: number): Promise<PullTrigger | undefined>;
  /**
   * A token that reads the contents of this one repository and can do no more: for runners. Undefined where the
   * project's own credentials cannot be narrowed so; they are never given away.
   */
  readToken(project: ProjectItem): Promise<ReadToken | undefined>;
  /** Shows a status; with `externalId` from before, in the same place. Answers the id to use next time. */
  putStatus(project: ProjectItem, status: ForgeStatus, externalId: string | undefined): Promise<string>;
  /** One comment on a pull request, updated in place. */
  putComment(project: ProjectItem, number: number, text: string, externalId: string | undefined): Promise<string>;
}

export interface RepositoryIdentity {
  /** The forge's own, which stays. */
  readonly id: string;
  /** `owner/name`. */
  readonly name: string;
}

export interface BranchHead {
  readonly branch: string;
  readonly sha: string;
}

/** A tag and what it points to: a commit, or for an annotated one an object of its own (`kind` is `tag`). */
export interface TagHead {
  readonly tag: string;
  readonly sha: string;
  readonly kind: "commit" | "tag" | "tree" | "blob";
}

export type PullTrigger = Extract<Trigger, { event: "pull_request" }>;

export interface ReadToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface RepositoryHeads {
  readonly etag: string | undefined;
  /** There are more branches or pull requests than these (`FORGE_HEAD_PAGES_MAX`). */
  readonly isCut: boolean;
  readonly branches: readonly BranchHead[];
  /** As triggers with the action `synchronize`. */
  readonly pulls: readonly PullTrigger[];
}

export interface RepositoryTags {
  readonly etag: string | undefined;
  /** There are more tags than these: too many for one answer, or for `FORGE_HEAD_PAGES_MAX` pages. */
  readonly isCut: boolean;
  readonly tags: readonly TagHead[];
}

/** One check of one run, as people see it beside the commit. */
export interface ForgeStatus {
  readonly sha: string;
  /** Stable: `<pipeline> / <check>`. */
  readonly name: string;
  /** Ours, so that the same status is found again: `<run>/<check>`. */
  readonly key: string;
  readonly state: "queued" | "in_progress" | "completed";
  readonly conclusion?: "success" | "failure" | "cancelled" | "timed_out" | "skipped" | "neutral" | "action_required";
  readonly detailsUrl?: string;
  readonly title: string;
  readonly summary: string;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly annotations: readonly { readonly title: string; readonly message: string; readonly path: string }[];
  readonly trigger: RunTrigger;
}

/** A file, or the answer with it, is larger than it may be: no fault of the forge or of a proxy, and asking again shows the same. */
export const isTooLarge = (error: unknown): error is ForgeError =>
  error instanceof ForgeError && error.status === 413 && error.kind === "final";

/** Whether to ask again is of no use: decided here for every call of every forge. `sinceMs` is when it refused first. */
export function isFinalRefusal(error: unknown, sinceMs: number, nowMs: number): boolean {
  if (!(error instanceof ForgeError)) return false;
  return error.kind === "final" || (error.kind === "lagging" && nowMs - sinceMs >= FORGE_LAG_MS);
}

interface Refusal {
  readonly status?: number;
  /** Absent, `retry` says whether it passes, and a status of credentials that it can be mended. */
  readonly kind?: RefusalKind;
  readonly retry?: boolean;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A forge did not do what it was asked. Never names a credential. */
export class ForgeError extends Error {
  override readonly name = "ForgeError";
  readonly status: number | undefined;
  readonly kind: RefusalKind;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { status, kind, retry = false, retryAfterMs, cause }: Refusal) {
    super(shorten(message, MESSAGE_LENGTH_MAX), cause === undefined ? {} : { cause });
    this.status = status;
    this.kind = kind ?? (retry ? "passing" : status === 401 || status === 403 ? "mendable" : "final");
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call may succeed later, with nobody doing anything. */
  get retry(): boolean {
    return this.kind === "passing" || this.kind === "limited" || this.kind === "lagging";
  }
}
