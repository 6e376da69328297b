import { interpretMove } from "../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../shared/domain/item.ts";
import type { CheckItem, JobItem, RunItem } from "../../shared/store/items.ts";
import { checkApproval } from "./check-approval.ts";
import {
  checkCheckWrite,
  checkGrant,
  checkJobWrite,
  checkNodeEnd,
  checkRunWrite,
  checkTick,
  type Writer,
} from "./check-write.ts";
import type { Attempt, Group } from "./state.ts";
import type { CheckMoveName, JobMoveName, RunMoveName } from "./tables.ts";
import type { Context } from "./world.ts";

/** One conditional write on the model's table. Undefined where the table refuses it. Throws a Violation. */
export function writeJob(
  context: Context,
  group: Group,
  job: JobItem,
  write: { readonly move: JobMoveName; readonly args: Args } & Writer,
): Group | undefined {
  const after = interpretMove(context.tables.job[write.move], asItem(job), write.args) as JobItem | undefined;
  if (after === undefined) return undefined;
  context.applied.add(`job.${write.move}`);
  if (write.move === "claim") {
    const claim = { fence: Number(write.args["fence"]), nowMs: write.nowMs };
    checkGrant(group, job, after, claim);
  } else {
    checkJobWrite(group, job, after, write);
  }
  return { ...group, jobs: group.jobs.map((one) => (one === job ? after : one)) };
}

export function writeRun(
  context: Context,
  group: Group,
  write: { readonly move: RunMoveName; readonly args: Args },
): Group | undefined {
  const after = interpretMove(context.tables.run[write.move], asItem(group.run), write.args) as RunItem | undefined;
  if (after === undefined) return undefined;
  context.applied.add(`run.${write.move}`);
  if (["tick", "park", "seeOut", "forget"].includes(write.move)) checkTick(group.run, Number(write.args["seq"]));
  if (write.move === "approve") checkApproval(group.run, after, String(write.args["sha"]));
  if (write.move === "endNode") checkNodeEnd(group.run, String(write.args["node"]));
  checkRunWrite(group, group.run, after, Number(write.args["nowMs"]));
  return { ...group, run: after };
}

export function writeCheck(
  context: Context,
  group: Group,
  check: CheckItem,
  write: { readonly move: CheckMoveName; readonly args: Args },
): Group | undefined {
  const after = interpretMove(context.tables.check[write.move], asItem(check), write.args) as CheckItem | undefined;
  if (after === undefined) return undefined;
  context.applied.add(`check.${write.move}`);
  checkCheckWrite(group, check, after);
  return { ...group, checks: group.checks.map((one) => (one === check ? after : one)) };
}

const asItem = (item: RunItem | JobItem | CheckItem): Item => item as unknown as Item;

export const isCurrent = (job: JobItem | undefined, attempt: Attempt): boolean =>
  job?.fence === attempt.fence && job.lease?.claimId === attempt.claimId;

export function jobOf(group: Group, jobId: string): JobItem {
  const job = group.jobs.find((one) => one.jobId === jobId);
  if (job === undefined) throw new Error(`the world has no job ${jobId}`);
  return job;
}

/** The group with one attempt changed. */
export function withAttempt(group: Group, attempt: Attempt, change: Partial<Attempt>): Group {
  return { ...group, attempts: group.attempts.map((one) => (one === attempt ? { ...one, ...change } : one)) };
}
