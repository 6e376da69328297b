import type { RunItem } from "../../../shared/store/items.ts";
import type { HeadEvent } from "../world/forge/sim-repository.ts";
import type { SimTable } from "../world/sim-table.ts";

/** Runs that events of a repository started, by what they are of. */
export interface TriggeredRun extends RunItem {
  readonly trigger: NonNullable<RunItem["trigger"]>;
  readonly source: NonNullable<RunItem["source"]>;
  readonly pipelinePath: string;
}

export function triggeredRuns(table: SimTable): TriggeredRun[] {
  return table
    .partitions()
    .map((pk) => table.get({ pk, sk: "RUN" }) as unknown as RunItem | undefined)
    .filter((run): run is TriggeredRun => run?.trigger !== undefined && run.source !== undefined)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.runId < b.runId ? -1 : 1));
}

/** What makes two heads the same moment of the repository: a pull request's base is part of it. */
export const nameOfHead = ({ event, ref, sha, base }: Pick<HeadEvent, "event" | "ref" | "sha" | "base">): string =>
  [event, ref, sha, ...(base === undefined ? [] : [base])].join(" ");

export function nameOfRun({ trigger, source }: TriggeredRun): string {
  const { event, number, tag, branch, base } = trigger;
  const ref = event === "pull_request" ? String(number) : event === "tag" ? tag : branch;
  return nameOfHead({
    event: event === "schedule" ? "push" : event,
    ref: ref ?? "",
    sha: source.sha,
    ...(event === "pull_request" && base !== undefined ? { base: base.branch } : {}),
  });
}

/** Whether a newer push, or the closing of its pull request, took its place. */
export const isSuperseded = ({ state, reason = "" }: TriggeredRun): boolean =>
  ["canceled", "canceling"].includes(state) && /^(superseded|the pull request was closed)/.test(reason);
