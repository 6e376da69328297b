import { FILTER_WORK_MAX } from "../domain/limits.ts";
import type { Trigger } from "../protocol/triggers.ts";
import type { Triggers } from "./definition.ts";
import { isTaken, makeFilter } from "./match-glob.ts";
import { quoted } from "./problem.ts";

/** States that are passed between two turns of the event loop: some milliseconds, as a rule a hundredth of that. */
const FILTER_WORK_AT_ONCE = 500_000;

/** `undefined`: the run starts. Else why it does not, for people. */
export type Refusal = string | undefined;

/** A trigger and what its pipeline's filters may want to know of it. */
export interface Matched {
  readonly trigger: Trigger;
  /** Changed files; asked only where a filter of paths decides. Undefined where nobody can tell: then the filter lets it pass. */
  changedPaths(): Promise<readonly string[] | undefined>;
}

/** Decides by a pipeline's `on` whether a trigger starts it. A pipeline without `on` is started by hand only. */
export async function matchTriggers(on: Triggers | undefined, matched: Matched): Promise<Refusal> {
  if (on === undefined) return "it has no `on`: only people and programs start it";
  const { trigger } = matched;
  switch (trigger.event) {
    case "push":
      return matchPush(on.push, trigger.branch, matched);
    case "tag":
      return matchTag(on.push, trigger.tag);
    case "pull_request":
      return matchPullRequest(on.pullRequest, trigger.base.branch, matched);
    case "schedule":
      return matchSchedule(on, trigger);
  }
}

/** Filters of tags alone mean tags alone; without any filter of names a push means every branch. */
async function matchPush(push: Triggers["push"], branch: string, matched: Matched): Promise<Refusal> {
  if (push === undefined) return "`on` has no push";
  if (push.branches.length === 0 && push.tags.length > 0) return "`on.push` is for tags only";
  if (!isTaken(branch, push.branches)) return `branch ${quoted(branch)} is not among \`on.push.branches\``;
  return matchPaths(push.paths, "on.push.paths", matched);
}

/** A tag starts only what asks for tags by name. Paths do not filter it: a tag changes none. */
function matchTag(push: Triggers["push"], tag: string): Refusal {
  if (push === undefined) return "`on` has no push";
  if (push.tags.length === 0) return "`on.push` has no tags";
  return isTaken(tag, push.tags) ? undefined : `tag ${quoted(tag)} is not among \`on.push.tags\``;
}

async function matchPullRequest(
  pullRequest: Triggers["pullRequest"],
  baseBranch: string,
  matched: Matched,
): Promise<Refusal> {
  if (pullRequest === undefined) return "`on` has no pull_request";
  if (!isTaken(baseBranch, pullRequest.branches))
    return `base branch ${quoted(baseBranch)} is not among \`on.pull_request.branches\``;
  return matchPaths(pullRequest.paths, "on.pull_request.paths", matched);
}

function matchSchedule(on: Triggers, { cron, branch }: Extract<Trigger, { event: "schedule" }>): Refusal {
  const due = on.schedule.some((one) => one.cron === cron && (one.branch === undefined || one.branch === branch));
  return due ? undefined : `\`on.schedule\` has no ${quoted(cron)} any more`;
}

async function matchPaths(globs: readonly string[], what: string, matched: Matched): Promise<Refusal> {
  if (globs.length === 0) return undefined;
  const paths = await matched.changedPaths();
  if (paths === undefined) return undefined;
  const filter = makeFilter(globs);
  let work = 0;
  let workAtTurn = 0;
  for (const path of paths) {
    work += filter.size * path.length;
    // More than anybody's filters need of anybody's push: it is let pass, like one of which nobody can tell all files.
    if (work > FILTER_WORK_MAX || filter.takes(path)) return undefined;
    if (work - workAtTurn < FILTER_WORK_AT_ONCE) continue;
    workAtTurn = work;
    // Leases are renewed by the same thread.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return `no changed file is among \`${what}\``;
}
