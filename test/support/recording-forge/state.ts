import { createHash } from "node:crypto";

/** What a recording forge holds: as much of GitHub as Baton asks for. */

export interface Commit {
  readonly sha: string;
  readonly parent: string | undefined;
  readonly message: string;
  /** The whole tree: text by path. */
  readonly files: ReadonlyMap<string, string>;
}

export interface RepositoryName {
  readonly id?: number;
  readonly full_name: string;
}

export interface Pull {
  readonly number: number;
  head: { readonly ref: string; sha: string; readonly repo: RepositoryName | null };
  base: { ref: string; sha: string; readonly repo: RepositoryName };
  state: "open" | "closed";
  updated_at: string;
  closed_at: string | null;
  readonly user: { readonly login: string };
}

export interface CheckRun {
  readonly id: number;
  name: string;
  readonly head_sha: string;
  external_id: string | null;
  readonly app: { readonly id: number };
  status: string;
  conclusion: string | null;
  details_url: string | null;
  started_at: string | null;
  completed_at: string | null;
  output: { title: string | null; summary: string | null; annotations: readonly unknown[] };
}

export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly context: string;
  readonly state: string;
  readonly description: string | null;
  readonly target_url: string | null;
}

export interface Comment {
  readonly id: number;
  readonly number: number;
  body: string;
  readonly user: { readonly login: string };
  readonly performed_via_github_app: { readonly id: number } | null;
}

export interface RepositoryState {
  /** Stays when the repository is renamed. */
  readonly id: number;
  name: string;
  defaultBranch: string;
  readonly commits: Map<string, Commit>;
  readonly branches: Map<string, string>;
  /** By name: a commit, or a tag's own object. */
  readonly tags: Map<string, string>;
  /** Annotated tags' objects: what each points to. */
  readonly tagObjects: Map<string, string>;
  readonly pulls: Map<number, Pull>;
  readonly checkRuns: CheckRun[];
  readonly statuses: CommitStatus[];
  readonly comments: Comment[];
  nextId: number;
  /** GitHub's own: more statuses of one context at a commit are refused, of more check runs of one name the oldest go. */
  readonly limits: { statuses: number; checkRuns: number };
}

export function makeRepositoryState(name: string, id = 1): RepositoryState {
  return {
    id,
    name,
    defaultBranch: "main",
    commits: new Map(),
    branches: new Map(),
    tags: new Map(),
    tagObjects: new Map(),
    pulls: new Map(),
    checkRuns: [],
    statuses: [],
    comments: [],
    nextId: 1,
    limits: { statuses: 1_000, checkRuns: 1_000 },
  };
}

export interface NewCommit {
  /** Where it becomes the head; nowhere if absent. */
  readonly branch?: string;
  /** Paths that change; `null` removes one. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly message?: string;
  /** The branch's head if absent; `null` for none. */
  readonly parent?: string | null;
  /** Of a real commit, if there is one. */
  readonly sha?: string;
}

export function addCommit(repository: RepositoryState, change: NewCommit): Commit {
  const { branch, message = "a change" } = change;
  const head = branch === undefined ? undefined : repository.branches.get(branch);
  const parent = change.parent === null ? undefined : (change.parent ?? head);
  const files = new Map(parent === undefined ? [] : repository.commits.get(parent)?.files);
  for (const [path, text] of Object.entries(change.files ?? {}))
    if (text === null) files.delete(path);
    else files.set(path, text);
  const content = JSON.stringify([repository.name, parent, message, [...files].sort(), repository.commits.size]);
  const sha = change.sha ?? createHash("sha1").update(content).digest("hex");
  const commit: Commit = { sha, parent, message, files };
  repository.commits.set(sha, commit);
  if (branch !== undefined) repository.branches.set(branch, sha);
  return commit;
}

/** An annotated tag has an object of its own. Answers what the tag points to. */
export function addTag(repository: RepositoryState, tag: string, commit: string, annotated = false): string {
  const content = JSON.stringify([tag, commit, repository.tagObjects.size]);
  const sha = annotated ? createHash("sha1").update(content).digest("hex") : commit;
  if (annotated) repository.tagObjects.set(sha, commit);
  repository.tags.set(tag, sha);
  return sha;
}

export function closePull(repository: RepositoryState, number: number, closedAt: string): void {
  const pull = repository.pulls.get(number);
  if (pull !== undefined) Object.assign(pull, { state: "closed", closed_at: closedAt, updated_at: closedAt });
}

export interface NewPull {
  readonly number: number;
  readonly branch: string;
  readonly sha: string;
  readonly base?: string;
  /** The repository that the branch lives in: this one if absent, `null` where it was deleted. */
  readonly from?: string | null;
  readonly login?: string;
  readonly updatedAt?: string;
}

export function addPull(repository: RepositoryState, pull: NewPull): Pull {
  const base = pull.base ?? repository.defaultBranch;
  const own = { id: repository.id, full_name: repository.name };
  const added: Pull = {
    number: pull.number,
    state: "open",
    closed_at: null,
    updated_at: pull.updatedAt ?? "2026-01-01T00:00:00Z",
    user: { login: pull.login ?? "somebody" },
    head: { ref: pull.branch, sha: pull.sha, repo: pull.from === undefined ? own : fullName(pull.from) },
    base: { ref: base, sha: repository.branches.get(base) ?? "0".repeat(40), repo: own },
  };
  repository.pulls.set(pull.number, added);
  return added;
}

const fullName = (name: string | null) => (name === null ? null : { full_name: name });

/** From a commit back to the first: itself included. */
export function ancestry(repository: RepositoryState, sha: string): string[] {
  const line: string[] = [];
  for (let at: string | undefined = sha; at !== undefined; at = repository.commits.get(at)?.parent) line.push(at);
  return line;
}

/** Paths that differ between two commits. */
export function differences(repository: RepositoryState, before: string, after: string): string[] {
  const [a, b] = [before, after].map((sha) => repository.commits.get(sha)?.files ?? new Map<string, string>());
  const paths = new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]);
  return [...paths].filter((path) => a?.get(path) !== b?.get(path)).sort();
}
