import { OFFERS_PER_CALL_MAX } from "../shared/domain/limits.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { backoffMs } from "../shared/lib/retry.ts";
import { type Offer, offerSchema } from "../shared/protocol/leases.ts";
import type { ClaimBackoff } from "./claim-backoff.ts";
import type { Emit } from "./events.ts";
import type { OfferMessage } from "./offer-queue.ts";
import type { OpenSession, SessionKeeper } from "./session.ts";
import type { Slots } from "./slots.ts";
import { wait } from "./wait.ts";

const POLL_POLICY = { triesMax: Number.POSITIVE_INFINITY, baseMs: 200, capMs: 10_000 } as const;

export interface PollDeps {
  readonly pool: string;
  readonly sessions: SessionKeeper;
  readonly slots: Slots;
  readonly backoff: ClaimBackoff;
  /** More pools than slots: they take turns. */
  readonly takingTurns: boolean;
  readonly emit: Emit;
  /** Takes over one offer and the slot that is held for it. Must not be waited for. */
  readonly onOffer: (offer: Offer, message: OfferMessage, open: OpenSession) => void;
}

/**
 * Polls one pool until the signal. It polls only while a slot is free, holds a slot for each offer that may come, and
 * polls again at once. Throws RejectedError where the control plane does not want this runner.
 */
export async function pollLoop(deps: PollDeps, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (await deps.slots.acquire(signal)) {
    // A host that breaks what it claims takes no offers from others.
    await deps.backoff.over(signal);
    const held = holdMore(deps.slots);
    const open = await deps.sessions.current(signal).catch((error: unknown) => {
      giveBack(deps.slots, held);
      throw error;
    });
    if (open === undefined) return giveBack(deps.slots, held);
    const failed = await pollOnce(deps, open, held, signal);
    if (failed === undefined && failures > 0) deps.emit({ type: "reachable", what: `the queue of pool ${deps.pool}` });
    if (failed !== undefined && failures === 0 && !signal.aborted) tellUnreachable(deps, failed.cause);
    failures = failed === undefined ? 0 : failures + 1;
    if (failures > 0) await wait(backoffMs(POLL_POLICY, failures), signal);
  }
}

/** Why the queue did not answer, if so. */
async function pollOnce(
  deps: PollDeps,
  open: OpenSession,
  held: number,
  signal: AbortSignal,
): Promise<{ readonly cause: unknown } | undefined> {
  let used = 0;
  try {
    const queueUrl = open.session.pools.find(({ name }) => name === deps.pool)?.queueUrl;
    if (queueUrl === undefined) throw new Error("the session has no such pool");
    const messages = await open.queue.receive(queueUrl, held, deps.takingTurns, signal);
    for (const message of messages) {
      const offer = parseOffer(deps, message, open);
      if (offer === undefined) continue;
      if (signal.aborted) {
        // We are going: somebody else need not wait until it is visible again by itself.
        await open.queue.putBack(message);
        continue;
      }
      used += 1;
      deps.onOffer(offer, message, open);
    }
    return undefined;
  } catch (cause) {
    deps.sessions.invalidate(open);
    return { cause };
  } finally {
    giveBack(deps.slots, held - used);
  }
}

function tellUnreachable(deps: PollDeps, error: unknown): void {
  const message = messageOf(error);
  deps.emit({ type: "unreachable", what: `the queue of pool ${deps.pool}`, message });
}

function parseOffer({ pool, emit }: PollDeps, message: OfferMessage, open: OpenSession): Offer | undefined {
  try {
    return offerSchema.parse(JSON.parse(message.body));
  } catch (error) {
    // It will never parse, so waiting for it to come again helps nobody.
    emit({ type: "bad_offer", pool, message: messageOf(error) });
    open.queue.remove(message);
    return undefined;
  }
}

function holdMore(slots: Slots): number {
  let held = 1;
  while (held < OFFERS_PER_CALL_MAX && slots.tryAcquire()) held += 1;
  return held;
}

function giveBack(slots: Slots, count: number): void {
  for (let given = 0; given < count; given += 1) slots.release();
}
