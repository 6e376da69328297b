import { setTimeout as wait } from "node:timers/promises";
import { FAILURES } from "../../shared/domain/errors.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { backoffMs } from "../../shared/lib/retry.ts";
import { isPassing } from "../../shared/lib/transfer.ts";
import { ApiError } from "../../shared/protocol/client.ts";
import type { SignedRequest } from "../../shared/protocol/leases.ts";
import { REFUSALS_MAX, RETRY_FIRST_MS, RETRY_MAX_MS } from "./limits.ts";

/** How one object is put into the bucket: again and again until it is there, it is refused for good, or time is up. */

export type Put = (request: SignedRequest, object: Buffer, signal: AbortSignal) => Promise<number>;

export type Sent = { readonly kind: "stored" } | { readonly kind: "lost"; readonly why: string };

const STORED: Sent = { kind: "stored" };
const RETRY = { triesMax: Number.POSITIVE_INFINITY, baseMs: RETRY_FIRST_MS, capMs: RETRY_MAX_MS };

/**
 * Never throws. A 412 (If-None-Match) after a try whose answer was lost is our own object, since the key belongs to
 * this attempt alone; at the first try it is somebody else's, and ours is lost. `signal` bounds the retries.
 */
export async function sendObject(options: {
  readonly put: Put;
  readonly object: Buffer;
  /** A link that is already here. */
  readonly link: SignedRequest | undefined;
  readonly ask: () => Promise<SignedRequest>;
  readonly signal: AbortSignal;
}): Promise<Sent> {
  const { put, object, ask, signal } = options;
  let link = options.link;
  let mayBeThere = false;
  let refusals = 0;
  let why = "not tried";
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      link ??= await ask();
    } catch (error) {
      why = messageOf(error);
      if (isFinal(error)) return { kind: "lost", why };
      await pause(attempt, signal);
      continue;
    }
    const status = await put(link, object, signal).catch(messageOf);
    if (typeof status === "number" && status < 300) return STORED;
    if (status === 412) return mayBeThere ? STORED : { kind: "lost", why: "another object stands at the chunk's key" };
    // That time ran out in the middle of a try says nothing; what the tries before it met does.
    if (typeof status === "number") why = `the bucket answered ${status}`;
    else if (!signal.aborted || attempt === 1) why = status;
    if (typeof status === "string" || isPassing(status)) mayBeThere = true;
    else {
      // A link may have expired; a fresh one tells whether it is that.
      refusals += 1;
      link = undefined;
      if (refusals > REFUSALS_MAX) return { kind: "lost", why };
    }
    await pause(attempt, signal);
  }
  return { kind: "lost", why: `time is up; last: ${why}` };
}

/** Asks until links come. Undefined where the control plane refuses for good or time is up. */
export async function askForLinks(
  ask: () => Promise<readonly SignedRequest[]>,
  signal: AbortSignal,
): Promise<readonly SignedRequest[] | { readonly why: string }> {
  let why = "not asked";
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      why = messageOf(error);
      if (isFinal(error)) return { why };
    }
    await pause(attempt, signal);
  }
  return { why: `time is up; last: ${why}` };
}

/** The control plane's no: a stale lease will not become a fresh one. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const failure = Object.entries(FAILURES).find(([code]) => code === error.code)?.[1];
  return failure === undefined ? error.status < 500 : !failure.retry;
}

async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  // An abort ends the wait early; the caller's loop sees it.
  await wait(backoffMs(RETRY, attempt), undefined, { signal }).catch(() => undefined);
}
