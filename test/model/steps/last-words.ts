import { jobMoves } from "../../../shared/domain/job-moves.ts";
import { endArgs } from "../../../shared/usecases/end-attempt.ts";
import { queueDeadlineOf } from "../birth.ts";
import { CHOICES } from "../choices.ts";
import type { Attempt, Group, Processes, State } from "../state.ts";
import type { JobMoveName } from "../tables.ts";
import type { Context } from "../world.ts";
import { jobOf, writeJob } from "../write.ts";
import { type Emit, readings, withGroup } from "./step.ts";

type Word = "succeeded" | "failed" | "timed_out" | "release" | "stopped";

const ALWAYS = ["release", "stopped"] as const;
/** What a holder may have said by now, in any order and any number of times. */
const WORDS: Readonly<Record<Processes, readonly Word[]>> = {
  none: [],
  running: [],
  ended_ok: ["succeeded", ...ALWAYS],
  ended_failed: ["failed", "timed_out", ...ALWAYS],
  over: ALWAYS,
  spent: ["succeeded", "failed", "timed_out", ...ALWAYS],
};

/** Complete, release and cancel-ack (shared/usecases/end-attempt.ts), each by every row that its chooser may choose. */
export function lastWords(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    for (const attempt of group.attempts) {
      if (!attempt.told) continue;
      for (const word of wordsOf(context, attempt)) say(context, state, { group, at, attempt, word }, emit);
    }
  });
}

function wordsOf({ rules }: Context, { processes }: Attempt): readonly Word[] {
  return processes === "running" && !rules.releaseAfterKill ? ["release"] : WORDS[processes];
}

interface Said {
  readonly group: Group;
  readonly at: number;
  readonly attempt: Attempt;
  readonly word: Word;
}

function say(context: Context, state: State, { group, at, attempt, word }: Said, emit: Emit): void {
  const job = jobOf(group, attempt.jobId);
  const reads = readings(context, state, attempt.grantedAtMs);
  const oldestMs = reads.at(-1) ?? state.nowMs;
  for (const readMs of oldestMs === state.nowMs ? [state.nowMs] : [state.nowMs, oldestMs])
    for (const move of CHOICES[word]) {
      if (!context.tables.job[move].from.includes(job.state)) continue;
      const args = endArgsOf(context, move, attempt, word, readMs);
      const next = writeJob(context, group, job, { move, args, holder: attempt, nowMs: state.nowMs });
      if (next === undefined) continue;
      const saying = () => `${attempt.runner} says "${word}" of ${job.jobId} (fence ${attempt.fence}): ${move}`;
      emit(withGroup(state, at, next), saying);
    }
}

/** The arguments of the real use case, with the world's queue deadline. */
export function endArgsOf(
  context: Context,
  move: JobMoveName,
  attempt: Pick<Attempt, "fence" | "claimId">,
  word: Word | "expiry",
  nowMs: number,
) {
  const reported = word === "succeeded" || word === "failed" || word === "timed_out" ? { reported: word } : {};
  const args = endArgs(jobMoves[move], attempt, reported, nowMs);
  return { ...args, queueDeadlineMs: queueDeadlineOf(context.world, nowMs) };
}
