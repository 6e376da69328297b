import { setTimeout as wait } from "node:timers/promises";
import type { Nudge } from "../../runner/nudge.ts";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import { eachOf } from "../../shared/lib/each-of.ts";
import { ApiError, type Client, UnreachableError } from "../../shared/protocol/client.ts";
import { listAllJobs, type RunJobs } from "../../shared/protocol/list-all-jobs.ts";
import { FOLLOW_MAX_MS, FOLLOW_MIN_MS, followDelayMs } from "./follow-delay.ts";
import { followJob, type JobFollower, startOfJob } from "./follow-job.ts";
import type { FollowSink } from "./follow-sink.ts";

const JOBS_AT_ONCE = 8;
/** A control plane that does not answer for so long is given up. */
const OUTAGE_MAX_MS = 60_000;
/** After a run has ended, its last logs are looked for so often. */
const LAST_PASSES_MAX = 20;

/**
 * Follows a run to its end and tells the sink what happens. With `jobId`, of that job only, and to that job's end.
 * Throws what the control plane refuses, `UnreachableError` when it is away too long, and the signal's reason.
 */
export async function followRun(options: {
  readonly client: Client;
  readonly runId: string;
  readonly jobId?: string;
  readonly sink: FollowSink;
  readonly signal?: AbortSignal;
  /** Somebody who knows that there is something to see: the next look is then at once. */
  readonly news?: Pick<Nudge, "next">;
}): Promise<RunJobs> {
  const { signal } = options;
  const followers = new Map<string, JobFollower>();
  const state = { runState: "", delayMs: FOLLOW_MIN_MS, outageMs: 0, lastPasses: 0 };
  for (;;) {
    signal?.throwIfAborted();
    // Before the look: what comes while it lasts is not missed.
    const sooner = [signal, options.news?.next()].filter((one) => one !== undefined);
    try {
      const pass = await onePass(options, followers, state);
      state.outageMs = 0;
      if (pass.done) return pass.seen;
      if (isRunEnded(pass.seen.run.state)) state.lastPasses += 1;
      if (state.lastPasses > LAST_PASSES_MAX) return pass.seen;
      state.delayMs = followDelayMs({ ...pass, jobs: pass.seen.jobs.length, lastMs: state.delayMs });
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error) || state.outageMs > OUTAGE_MAX_MS) throw error;
      state.delayMs = FOLLOW_MAX_MS;
      state.outageMs += FOLLOW_MAX_MS;
    }
    await wait(state.delayMs, undefined, { signal: AbortSignal.any(sooner) }).catch(() => signal?.throwIfAborted());
  }
}

interface Pass {
  readonly seen: RunJobs;
  readonly moved: boolean;
  readonly done: boolean;
  readonly liveJobs: number;
}

async function onePass(
  options: Parameters<typeof followRun>[0],
  followers: Map<string, JobFollower>,
  state: { runState: string },
): Promise<Pass> {
  const { client, runId, jobId, sink, signal } = options;
  const seen = await listAllJobs(client, runId, signal === undefined ? {} : { signal });
  const jobs = seen.jobs.filter((job) => jobId === undefined || job.id === jobId);
  let moved = false;
  if (seen.run.state !== state.runState) {
    state.runState = seen.run.state;
    moved = true;
    await sink.runMoved(
      seen.run,
      jobs.map((job) => job.id),
    );
  }
  const open = jobs.filter((job) => followers.get(job.id)?.endTold !== true);
  const moves = await eachOf(open, JOBS_AT_ONCE, async (job) => {
    const follower = followers.get(job.id) ?? startOfJob();
    followers.set(job.id, follower);
    return settled(followJob(client, job, follower, sink, signal));
  });
  for (const move of moves) if (move.error !== undefined) throw move.error;
  const allTold = jobs.every((job) => followers.get(job.id)?.endTold === true);
  return {
    seen,
    moved: moved || moves.some((move) => move.moved),
    done: allTold && (isRunEnded(seen.run.state) || (jobId !== undefined && jobs.length > 0)),
    liveJobs: open.filter((job) => job.lease !== undefined).length,
  };
}

/** No pass may end while one of its jobs is still being told: the next would tell the same output again. */
async function settled(moved: Promise<boolean>): Promise<{ moved: boolean; error?: unknown }> {
  try {
    return { moved: await moved };
  } catch (error) {
    return { moved: true, error };
  }
}

/** Worth waiting for: the control plane is away or overloaded. */
function isTransient(error: unknown): boolean {
  if (error instanceof ApiError) return error.status >= 500;
  return error instanceof UnreachableError;
}
