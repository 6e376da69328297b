import { entryOf } from "../../../shared/domain/entry.ts";
import { decide } from "../../../shared/domain/predicate.ts";
import {
  checkAnswerOf,
  checkOutcomeOf,
  isJobEnded,
  jobTallyOf,
  needOutcomeOf,
  tallyOf,
} from "../../../shared/domain/verdict.ts";
import type { CheckItem, JobItem } from "../../../shared/store/items.ts";
import { checkNode, jobNode } from "../../../shared/store/keys.ts";
import { queueDeadlineOf } from "../birth.ts";
import type { Group, State } from "../state.ts";
import type { Context } from "../world.ts";
import { writeCheck, writeJob, writeRun } from "../write.ts";
import { type Emit, withGroup } from "./step.ts";

/**
 * What follows from the end of a job (shared/usecases/settle.ts), one write at a time: the handler that ended it, a
 * repeat of its call, or any reconcile may do each at any later moment, or die before it.
 */
export function settle(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    const emitGroup: EmitGroup = (next, say) => {
      if (next !== undefined) emit(withGroup(state, at, next), say);
    };
    for (const step of settling(context, group, state.nowMs)) emitGroup(step.write(), () => step.say);
  });
}

type EmitGroup = (next: Group | undefined, say: () => string) => void;

/** One write that follows from what has ended. */
interface Follow {
  readonly say: string;
  readonly write: () => Group | undefined;
}

/** Every write that may follow now. */
export function settling(context: Context, group: Group, nowMs: number): Follow[] {
  const ended = group.jobs.filter((job) => isJobEnded(job.state));
  return [
    ...ended.flatMap((job) => [
      ...resolves(context, group, job, nowMs),
      ...answers(context, group, job, nowMs),
      endOfJob(context, group, job, nowMs),
    ]),
    ...group.jobs.flatMap((job) => advances(context, group, job, nowMs)),
    ...group.checks.filter(({ state }) => state === "final").map((check) => endOfCheck(context, group, check, nowMs)),
    ...(["succeed", "fail", "err", "finishCancel"] as const).map((move) => ({
      say: `the run closes: ${move}`,
      write: () => writeRun(context, group, { move, args: { nowMs } }),
    })),
  ];
}

function resolves(context: Context, group: Group, source: JobItem, nowMs: number): Follow[] {
  const dependents = group.jobs.filter((job) => source.dependents?.includes(job.jobId));
  const args = { source: source.jobId, outcome: needOutcomeOf(source), nowMs };
  return dependents.map((job) => ({
    say: `${job.jobId} is told that ${source.jobId} ${args.outcome}`,
    write: () => writeJob(context, group, job, { move: "resolve", args, nowMs }),
  }));
}

function advances(context: Context, group: Group, job: JobItem, nowMs: number): Follow[] {
  if (job.needs === undefined) return [];
  const decision = decide(job.needs, job.resolved);
  if (decision === "undecided") return [];
  const move = decision === "met" ? "enqueue" : Object.values(job.resolved).includes("canceled") ? "cancel" : "skip";
  const unmet = { reason: "unmet", result: { fence: job.fence, outcome: move === "cancel" ? "canceled" : "skipped" } };
  const args = { nowMs, queueDeadlineMs: queueDeadlineOf(context.world, nowMs), ...unmet };
  return [{ say: `${job.jobId}: ${move}`, write: () => writeJob(context, group, job, { move, args, nowMs }) }];
}

/** The last answer's handler has seen a tally; an older one may have been seen by another. */
function answers(context: Context, group: Group, job: JobItem, nowMs: number): Follow[] {
  return group.checks
    .filter((check) => entryOf(job.checks, check.checkId) !== undefined)
    .flatMap((check) => {
      const answer = checkAnswerOf(needOutcomeOf(job), undefined);
      const mine = tallyOf(answer);
      const base = { nowMs, source: job.jobId, outcome: answer, ...mine };
      const say = `check ${check.checkId} hears "${answer}" from ${job.jobId}`;
      const seen = [{ failed: 0, lost: 0 }, check.tally];
      const lasts = seen.map((before) => {
        const all = { failed: before.failed + mine.failed, lost: before.lost + mine.lost };
        const last = { failedBefore: before.failed, lostBefore: before.lost, answer: checkOutcomeOf(all) };
        return { move: "answerLast", args: { ...base, ...last } } as const;
      });
      const writes = [{ move: "answer", args: base } as const, ...lasts];
      return writes.map((write) => ({
        say: `${say}: ${write.move}`,
        write: () => writeCheck(context, group, check, write),
      }));
    });
}

function endOfJob(context: Context, group: Group, job: JobItem, nowMs: number): Follow {
  const tally = jobTallyOf({ ...job, namedChecks: Object.keys(job.checks).length });
  const args = { node: jobNode(job.jobId), ...tally, nowMs };
  return {
    say: `the run counts ${job.jobId} as ended`,
    write: () => writeRun(context, group, { move: "endNode", args }),
  };
}

function endOfCheck(context: Context, group: Group, check: CheckItem, nowMs: number): Follow {
  const args = { node: checkNode(check.checkId), ...tallyOf(check.outcome ?? "errored"), nowMs };
  return {
    say: `the run counts check ${check.checkId} as ended`,
    write: () => writeRun(context, group, { move: "endNode", args }),
  };
}
