import { isJobEnded } from "../../shared/domain/verdict.ts";
import type { Client } from "../../shared/protocol/client.ts";
import type { AttemptView, JobView } from "../../shared/protocol/runs.ts";
import type { FollowSink } from "./follow-sink.ts";
import { type LogCursor, readLog, startOfLog } from "./read-log.ts";

/** What has been told of one job. */
export interface JobFollower {
  queuedTold: boolean;
  /** Attempts whose end was told. */
  endedCount: number;
  startedFence: number;
  cursor: LogCursor | undefined;
  /** Polls of an ended attempt whose log does not become final, in a row. */
  unsealedPolls: number;
  endTold: boolean;
}

/** An ended attempt's log that is not sealed after so many polls is taken as it is. */
const UNSEALED_POLLS_MAX = 10;
/** Pages of one job in one pass, so that a flood of one job does not starve the others. */
const PAGES_PER_PASS_MAX = 4;

export const startOfJob = (): JobFollower => ({
  queuedTold: false,
  endedCount: 0,
  startedFence: 0,
  cursor: undefined,
  unsealedPolls: 0,
  endTold: false,
});

/**
 * Tells what is new of a job. An attempt's remaining output comes before its end, and that before the next attempt.
 * A job that a rerun kept did not run again: of it only its end is told. Returns whether anything moved. Told state is kept as it goes, so that it may be called again after an error.
 */
export async function followJob(
  client: Client,
  job: JobView,
  follower: JobFollower,
  sink: FollowSink,
  signal?: AbortSignal,
): Promise<boolean> {
  if (job.inheritedFrom !== undefined) return tellEnd(job, follower, sink);
  let moved = await tellQueued(job, follower, sink);
  let pages = 0;
  const attempts = [...job.attempts].sort((a, b) => a.fence - b.fence);
  for (let attempt = attempts[follower.endedCount]; attempt !== undefined; attempt = attempts[follower.endedCount]) {
    const progress = await followAttempt(client, job, attempt, follower, sink, signal);
    moved ||= progress.moved;
    pages += 1;
    if (!progress.ended && (!progress.more || pages >= PAGES_PER_PASS_MAX)) return moved;
  }
  return (await tellEnd(job, follower, sink)) || moved;
}

async function tellEnd(job: JobView, follower: JobFollower, sink: FollowSink): Promise<boolean> {
  if (!isJobEnded(job.state) || follower.endTold) return false;
  follower.endTold = true;
  await sink.jobEnded(job);
  return true;
}

async function tellQueued(job: JobView, follower: JobFollower, sink: FollowSink): Promise<boolean> {
  if (follower.queuedTold || job.queuedAtMs === undefined) return false;
  follower.queuedTold = true;
  await sink.jobQueued(job);
  return true;
}

async function followAttempt(
  client: Client,
  job: JobView,
  attempt: AttemptView,
  follower: JobFollower,
  sink: FollowSink,
  signal: AbortSignal | undefined,
): Promise<{ moved: boolean; more: boolean; ended: boolean }> {
  const isNew = follower.startedFence < attempt.fence;
  if (isNew) {
    follower.startedFence = attempt.fence;
    follower.cursor = undefined;
    follower.unsealedPolls = 0;
    await sink.attemptStarted(job, attempt);
  }
  follower.cursor ??= startOfLog(job.runId, job.id, attempt.fence);
  const reader = {
    output: (bytes: Uint8Array) => sink.output(job, bytes),
    gap: (gap: Parameters<FollowSink["gap"]>[1]) => sink.gap(job, gap),
  };
  const progress = await readLog(client, follower.cursor, reader, signal);
  const moved = isNew || progress.moved;
  if (attempt.end === undefined) return { moved, more: progress.state === "more", ended: false };
  if (progress.state !== "end") {
    if (progress.moved || progress.state === "more") return { moved, more: true, ended: false };
    follower.unsealedPolls += 1;
    if (follower.unsealedPolls < UNSEALED_POLLS_MAX) return { moved, more: false, ended: false };
    await reader.gap({ bytes: undefined, reason: "the log was never sealed" });
  }
  follower.endedCount += 1;
  await sink.attemptEnded(job, attempt);
  return { moved: true, more: false, ended: true };
}
