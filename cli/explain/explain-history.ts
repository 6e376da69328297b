import type { History } from "../../shared/protocol/runs.ts";
import type { TellTime } from "./tell-time.ts";

/** What each recorded move means to a reader. A move that is not here is named as it is. */
const MOVES: Readonly<Record<string, string>> = {
  enqueue: "queued: its needs are met",
  hold: "held for an approval or a slot",
  admit: "queued: the approval or the slot came",
  skip: "skipped",
  cancel: "canceled",
  abandon: "given up: nobody came before the queue deadline",
  claim: "claimed",
  ack: "confirmed by its runner",
  succeed: "succeeded",
  fail: "failed",
  timeOut: "timed out",
  err: "closed: a required job was lost",
  retry: "failed, to be tried again",
  release: "given back, to be tried again",
  releaseSpent: "given back, the loss budget spent",
  expire: "taken back: the lease expired; to be tried again",
  expireSpent: "taken back: the lease expired, the loss budget spent",
  stop: "asked to stop",
  stoppedCancel: "stopped, as its runner says",
  stoppedSupersede: "stopped, as its runner says",
  stoppedTimeout: "stopped at its time limit, as its runner says",
  stoppedRetry: "stopped at its time limit, to be tried again",
  expireCancel: "canceled: its runner was silent until the lease expired",
  expireSupersede: "canceled: its runner was silent until the lease expired",
  expireTimeout: "timed out: its runner was silent until the lease expired",
  expireTimeoutRetry: "timed out: its runner was silent until the lease expired; to be tried again",
  approve: "approved",
  commitPlan: "planned",
  failPlan: "could not be planned",
  finishCancel: "canceled: every job has ended",
  forceCancel: "canceled at its hard deadline",
};

/** The end of a run is not the act of whom its last job's end came from. */
const RUN_MOVES: Readonly<Record<string, string>> = {
  succeed: "closed as succeeded: every job has ended",
  fail: "closed as failed: every job has ended",
  err: "closed as errored: every job has ended, and a required one was lost",
  timeOut: "timed out at the run's hard deadline",
  cancel: "asked to stop",
};

/** One line a move of a run. */
export function explainRunHistory(history: History, time: TellTime): string[] {
  return explainHistory(history, time, { ...MOVES, ...RUN_MOVES });
}

/** One line a move, in the order of time: `12:01:03 claimed, by rnr_…: reason`. */
export function explainHistory(
  history: History,
  time: TellTime,
  words: Readonly<Record<string, string>> = MOVES,
): string[] {
  const entries = Object.entries(history).map(([key, entry]) => ({ ...keyed(key), ...entry }));
  entries.sort((a, b) => a.atMs - b.atMs || a.fence - b.fence);
  return entries.map(({ fence, move, atMs, actor, reason }) => {
    const nth = fence > 0 ? ` (fence ${fence})` : "";
    return `${time.at(atMs)}  ${words[move] ?? move}${nth}, by ${actor}${reason === undefined ? "" : `: ${reason}`}`;
  });
}

function keyed(key: string): { fence: number; move: string } {
  const dot = key.indexOf(".");
  return { fence: Number.parseInt(key, 10) || 0, move: dot < 0 ? key : key.slice(dot + 1) };
}
