import type { RefusalKind } from "../domain/refusals.ts";
import { cut } from "../lib/cut.ts";
import { messageOf } from "../lib/message-of.ts";
import type { Sent } from "../store/report-items.ts";
import { ForgeError, isFinalRefusal } from "./forge.ts";

/** What keeps a report from being shown, and what is kept of that. */

export interface Trouble {
  readonly message: string;
  readonly kind: RefusalKind;
  readonly retryAfterMs?: number | undefined;
  /** Whatever else there is to send would meet it, too. */
  readonly stopsAll: boolean;
  /** It is not tried again. */
  readonly isOver: boolean;
}

const ERROR_LENGTH_MAX = 500;

/** Another sender is, or was, at work on the same name; it is no fault of the forge. */
export class NameBusy extends Error {
  override readonly name = "NameBusy";
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export const OUT_OF_TIME: Trouble = {
  message: "there is more to send than one go may take",
  kind: "passing",
  retryAfterMs: 0,
  stopsAll: true,
  isOver: false,
};

/** Anything but a forge's refusal is a fault of ours, or of the network: never a reason to stop for good. */
export function troubleOf(error: unknown): Trouble {
  const message = cut(messageOf(error), ERROR_LENGTH_MAX);
  if (error instanceof NameBusy)
    return { message, kind: "passing", retryAfterMs: error.retryAfterMs, stopsAll: false, isOver: false };
  const kind = error instanceof ForgeError ? error.kind : "passing";
  const retryAfterMs = error instanceof ForgeError ? error.retryAfterMs : undefined;
  return { message, kind, retryAfterMs, stopsAll: kind !== "lagging" && kind !== "final", isOver: false };
}

/** The one that decides when it is tried again: a time that a forge names counts before ours, and the longest of those. */
export function worstTrouble(troubles: readonly Trouble[]): Trouble | undefined {
  const waiting = troubles.filter(({ kind }) => kind === "limited");
  const longest = waiting.toSorted((a, b) => (b.retryAfterMs ?? 0) - (a.retryAfterMs ?? 0))[0];
  return troubles.find(({ isOver }) => isOver) ?? longest ?? troubles[0];
}

/** What was shown before stays; a refusal that is final is as good as sent: it is not sent again. */
export function refusedSent(before: Sent | undefined, digest: string, error: unknown, nowMs: number): Sent {
  const { message, kind } = troubleOf(error);
  const { id, digest: shown = "", waits } = before ?? {};
  const place = id === undefined ? {} : { id };
  const sinceMs = waits?.kind === kind ? waits.sinceMs : nowMs;
  if (isFinalRefusal(error, sinceMs, nowMs)) return { ...place, digest, refused: message };
  return { ...place, digest: shown, waits: { message, kind, sinceMs } };
}
