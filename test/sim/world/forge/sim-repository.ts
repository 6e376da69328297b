import { addCommit, addPull, addTag, type RepositoryState } from "../../../support/recording-forge/state.ts";
import type { SimPipeline } from "./pipelines.ts";

/**
 * A repository as it truly is, and was: what people did to it, in order. The forge's replicas show it as it was a while ago;
 * checks compare with all of it.
 */

/** A head that somebody made: a run is due for it, of each pipeline that asks for such. */
export interface HeadEvent {
  readonly event: "push" | "tag" | "pull_request";
  /** The branch, the tag, or the pull request's number. */
  readonly ref: string;
  readonly sha: string;
  /** Of a pull request: the branch that it is to be merged into. */
  readonly base?: string;
  /** The commit whose pipelines hold. */
  readonly definitionSha: string;
  readonly fork: boolean;
  readonly skip: boolean;
  readonly atMs: number;
}

export interface SimRepository {
  readonly state: RepositoryState;
  readonly events: readonly HeadEvent[];
  /** How often each pull request was closed. */
  readonly closings: ReadonlyMap<number, number>;
  /** When each commit came to be here. */
  readonly committedAtMs: ReadonlyMap<string, number>;
  readonly forks: ReadonlySet<number>;
  commit(change: { readonly parent: string | undefined; readonly skip: boolean; readonly bare: boolean }): string;
  setBranch(name: string, sha: string): HeadEvent;
  deleteBranch(name: string): void;
  setTag(name: string, sha: string, annotated: boolean): HeadEvent;
  deleteTag(name: string): void;
  setPull(pull: { number: number; branch: string; sha: string; base: string; fork: boolean }): HeadEvent;
  closePull(number: number): void;
  pipelinesAt(sha: string): SimPipeline[];
  /** As it stood so long ago. */
  asOf(atMs: number): RepositoryState;
  /** What stands now, each with the event that made it so. */
  standing(): HeadEvent[];
}

interface Time {
  readonly nowMs: () => number;
  /** As the forge's clock has it, in whole seconds. */
  readonly stamp: () => string;
}

export const SKIP_WORDS = "[skip ci]";

interface Snapshot {
  readonly atMs: number;
  readonly branches: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly pulls: RepositoryState["pulls"];
}

export function makeSimRepository(
  state: RepositoryState,
  pipelines: readonly SimPipeline[],
  time: Time,
): SimRepository {
  const events: HeadEvent[] = [];
  const closings = new Map<number, number>();
  const committedAtMs = new Map<string, number>();
  const forks = new Set<number>();
  const snapshots: Snapshot[] = [];
  const files = Object.fromEntries(pipelines.map(({ path, text }) => [path, text]));
  const bare = Object.fromEntries(pipelines.map(({ path }) => [path, null]));

  function changed(): void {
    const pulls = new Map([...state.pulls].map(([number, pull]) => [number, { ...pull }]));
    snapshots.push({ atMs: time.nowMs(), branches: new Map(state.branches), tags: new Map(state.tags), pulls });
  }

  function happened(event: Omit<HeadEvent, "atMs" | "skip">): HeadEvent {
    changed();
    const skip = event.event === "push" && (state.commits.get(event.sha)?.message.includes(SKIP_WORDS) ?? false);
    const whole = { ...event, skip, atMs: time.nowMs() };
    events.push(whole);
    return whole;
  }

  const commitOf = (sha: string) => state.tagObjects.get(sha) ?? sha;
  const last = (event: HeadEvent["event"], ref: string) =>
    events.findLast((one) => one.event === event && one.ref === ref);

  const self: SimRepository = {
    state,
    events,
    closings,
    committedAtMs,
    forks,
    commit({ parent, skip, bare: isBare }) {
      const message = skip ? `a change ${SKIP_WORDS}` : "a change";
      const made = addCommit(state, { parent: parent ?? null, message, files: isBare ? bare : files });
      committedAtMs.set(made.sha, time.nowMs());
      return made.sha;
    },
    setBranch(branch, sha) {
      state.branches.set(branch, sha);
      return happened({ event: "push", ref: branch, sha, definitionSha: sha, fork: false });
    },
    deleteBranch(branch) {
      state.branches.delete(branch);
      changed();
    },
    setTag(tag, sha, annotated) {
      addTag(state, tag, sha, annotated);
      return happened({ event: "tag", ref: tag, sha, definitionSha: sha, fork: false });
    },
    deleteTag(tag) {
      state.tags.delete(tag);
      changed();
    },
    setPull({ number, branch, sha, base, fork }) {
      if (fork) forks.add(number);
      const from = fork ? { from: "somebody/fork" } : {};
      const pull = addPull(state, { number, branch, sha, base, updatedAt: time.stamp(), ...from });
      const definitionSha = fork ? pull.base.sha : sha;
      return happened({ event: "pull_request", ref: String(number), sha, base, definitionSha, fork });
    },
    closePull(number) {
      const pull = state.pulls.get(number);
      if (pull === undefined) return;
      Object.assign(pull, { state: "closed", closed_at: time.stamp(), updated_at: time.stamp() });
      closings.set(number, (closings.get(number) ?? 0) + 1);
      changed();
    },
    pipelinesAt(sha) {
      const found = state.commits.get(sha)?.files;
      return pipelines.filter(({ path, text }) => found?.get(path) === text);
    },
    asOf(atMs) {
      const snapshot = snapshots.findLast((one) => one.atMs <= atMs) ?? snapshots[0];
      if (snapshot === undefined) return state;
      const commits = new Map([...state.commits].filter(([sha]) => (committedAtMs.get(sha) ?? 0) <= atMs));
      const { branches, tags, pulls } = snapshot;
      return { ...state, branches, tags, pulls, commits };
    },
    standing() {
      const branches = [...state.branches].map(([branch, sha]) => [last("push", branch), sha] as const);
      const tags = [...state.tags].map(([tag, sha]) => [last("tag", tag), commitOf(sha)] as const);
      const pulls = [...state.pulls.values()]
        .filter((pull) => pull.state === "open")
        .map((pull) => [last("pull_request", String(pull.number)), pull.head.sha] as const);
      return [...branches, ...tags, ...pulls].flatMap(([event, sha]) => (event?.sha === sha ? [event] : []));
    },
  };
  return self;
}
