import { jobMoves as moves } from "./job-moves.ts";
import type { MoveOn } from "./move.ts";

/** What a choice among sibling rows looks at. The chosen row's own guards check again. */
export interface JobSeen {
  readonly state: string;
  readonly fence: number;
  readonly left: { readonly failed: number; readonly lost: number };
  readonly stop?: { readonly reason: string } | undefined;
}

export type JobMove = MoveOn<"job">;

type Reported = "succeeded" | "failed" | "timed_out";

/** The holder's last word. Without an item seen, guesses the row of a job without retries. */
export function chooseCompletion(reported: Reported): (seen: JobSeen | undefined) => JobMove | undefined {
  return (seen) => {
    if (seen === undefined || seen.state === "running") return completionRow(reported, seen?.left.failed ?? 0);
    return seen.state === "stopping" ? stoppedRow(seen) : undefined;
  };
}

function completionRow(reported: Reported, failuresLeft: number): JobMove {
  if (reported === "succeeded") return moves.succeed;
  if (failuresLeft > 0) return moves.retry;
  return reported === "failed" ? moves.fail : moves.timeOut;
}

/** The holder gives its lease back; in `stopping` that is its word that the attempt is gone. */
export function chooseRelease(seen: JobSeen | undefined): JobMove | undefined {
  if (seen === undefined) return moves.release;
  if (seen.state === "stopping") return stoppedRow(seen);
  if (seen.state !== "leased" && seen.state !== "running") return undefined;
  return seen.left.lost > 0 ? moves.release : moves.releaseSpent;
}

/** The holder's word that a stopped attempt is gone. The usual reason is guessed. */
export function chooseStopped(seen: JobSeen | undefined): JobMove | undefined {
  if (seen === undefined) return moves.stoppedCancel;
  return seen.state === "stopping" ? stoppedRow(seen) : undefined;
}

function stoppedRow(seen: JobSeen): JobMove {
  if (seen.stop?.reason === "superseded") return moves.stoppedSupersede;
  if (seen.stop?.reason !== "timeout") return moves.stoppedCancel;
  return seen.left.failed > 0 ? moves.stoppedRetry : moves.stoppedTimeout;
}

/** A lease ran out. */
export function chooseExpiry(seen: JobSeen | undefined): JobMove | undefined {
  if (seen?.state === "leased" || seen?.state === "running")
    return seen.left.lost > 0 ? moves.expire : moves.expireSpent;
  if (seen?.state !== "stopping") return undefined;
  if (seen.stop?.reason === "superseded") return moves.expireSupersede;
  if (seen.stop?.reason !== "timeout") return moves.expireCancel;
  return seen.left.failed > 0 ? moves.expireTimeoutRetry : moves.expireTimeout;
}

/** The needs can no longer be met, by how those that did not pass ended. A need's cancel is a cancel of what needs it. */
export function chooseUnmet(outcomes: readonly string[]): JobMove {
  return outcomes.includes("canceled") ? moves.cancel : moves.skip;
}

/** Somebody asks for the job's end: at once where nobody holds it, through its holder otherwise. */
export function chooseCancel(seen: JobSeen | undefined): JobMove | undefined {
  if (seen?.state === "waiting" || seen?.state === "held" || seen?.state === "queued") return moves.cancel;
  return seen?.state === "leased" || seen?.state === "running" ? moves.stop : undefined;
}

/**
 * An attempt has run past its timeout: only that very attempt is asked to stop. Where it has ended meanwhile, the job may
 * be queued again, and a timeout must not cancel what nobody has tried yet.
 */
export function chooseTimeout(fence: number): (seen: JobSeen | undefined) => JobMove | undefined {
  return (seen) =>
    seen?.fence === fence && (seen.state === "leased" || seen.state === "running") ? moves.stop : undefined;
}

/** How the attempt that the move ends is recorded: kept apart from where the job goes. */
export function attemptOutcomeOf(move: JobMove, reported: Reported | undefined): "canceled" | "lost" | Reported {
  if (move.name === "retry") return reported ?? "failed";
  if (move.name === "stoppedRetry" || move.name === "expireTimeoutRetry") return "timed_out";
  if (move.to === "queued") return "lost";
  return move.to as "canceled" | "lost" | Reported;
}
