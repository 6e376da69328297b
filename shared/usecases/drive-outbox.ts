import { entryOf } from "../domain/entry.ts";
import {
  REPORT_BACKOFF_MAX_MS,
  REPORT_BACKOFF_MS,
  REPORT_LOOK_MS,
  REPORT_SENDER_MS,
  REPORT_SENDING_MS,
  REPORT_TRIES_MAX,
} from "../domain/limits.ts";
import type { MoveOn } from "../domain/move.ts";
import { type OUTBOX_STATES, OUTBOX_TERMINAL, outboxMoves } from "../domain/outbox-moves.ts";
import { eachOf } from "../lib/each-of.ts";
import { backoffMs } from "../lib/retry.ts";
import { type OutboxRef, outboxKey, REPORTS_SHARD } from "../store/keys.ts";
import type { OutboxItem, Sent } from "../store/report-items.ts";
import type { Cause } from "../store/store.ts";
import { hintOutbox } from "./hints.ts";
import type { ReportDeps } from "./report-deps.ts";
import { OUT_OF_TIME, refusedSent, type Trouble, troubleOf, worstTrouble } from "./report-trouble.ts";

/**
 * Sends what an outbox should show and does not yet. One sender at a time holds it; whoever comes meanwhile asks that
 * one to look again. So a forge never gets an older picture after a newer one, and no hint that comes in between is lost.
 */

/** One thing to show. */
export interface Parcel {
  readonly key: string;
  /** Of all that it shows. */
  readonly digest: string;
  /** Shows it, in the place that `externalId` names. Answers the place's id. */
  send(externalId: string | undefined): Promise<string>;
}

/** What is to be shown now. `last`: nothing will follow; `quiet`: nothing will by itself. */
export interface Look {
  readonly parcels: readonly Parcel[];
  readonly end: "more" | "quiet" | "last";
}
/** Nothing is to be shown any more, and why. */
export interface Stop {
  readonly stop: string;
}

export type LookAround = (outbox: OutboxItem) => Promise<Look | Stop>;

const CAUSE: Cause = { actor: "report" };
const WIDTH = 4;
/** One sender may be asked again and again; another invocation goes on where it stops. */
const ROUNDS_MAX = 8;
const TAKE_TRIES_MAX = 4;
const BACKOFF = { triesMax: Number.POSITIVE_INFINITY, baseMs: REPORT_BACKOFF_MS, capMs: REPORT_BACKOFF_MAX_MS };
/** In a row, of the waits that a forge or a busy name asks for. */
const SHORT_WAITS_MAX = 12;
/** A hint may come this early, by the clock of whoever sent it. */
const EARLY_MS = 1_000;

export async function driveOutbox(deps: ReportDeps, ref: OutboxRef, lookAround: LookAround): Promise<void> {
  for (let tries = 0; tries < TAKE_TRIES_MAX; tries += 1) {
    const outbox = await deps.reports.getOutbox(ref);
    if (outbox === undefined || isOver(outbox.state)) return;
    const nowMs = deps.clock.nowMs();
    if (outbox.state === "sending" && nowMs <= (outbox.wakeAtMs ?? 0)) {
      if (await askSender(deps, ref, outbox)) return;
      continue;
    }
    if (outbox.state === "pending" && (await isIdle(outbox, lookAround, nowMs))) return;
    const taken = await take(deps, ref, outbox);
    if (taken !== undefined) return send(deps, ref, taken, lookAround);
  }
  // Others were faster each time: they have sent what we saw, or look again.
  await hintOutbox(deps, ref, REPORT_BACKOFF_MS);
}

const isOver = (state: (typeof OUTBOX_STATES)[number]) => (OUTBOX_TERMINAL as readonly string[]).includes(state);

async function askSender(deps: ReportDeps, ref: OutboxRef, { seq }: OutboxItem): Promise<boolean> {
  const args = { seq, nowMs: deps.clock.nowMs() };
  const { applied } = await deps.store.apply(outboxMoves.ask, outboxKey(ref), args, CAUSE);
  return applied;
}

/** Nothing to do: the forge asked to be left alone for now, or shows it all already. */
async function isIdle(outbox: OutboxItem, lookAround: LookAround, nowMs: number): Promise<boolean> {
  const early = outbox.wakeAtMs === undefined || nowMs < outbox.wakeAtMs - EARLY_MS;
  if (!early) return false;
  if (outbox.tries > 0) return true;
  const look = await lookAround(outbox);
  return !("stop" in look) && look.end !== "last" && changesOf(look, outbox.sent).length === 0;
}

/** Undefined where another was faster. That it is ours tells `sender`, not whether this very write applied. */
async function take(deps: ReportDeps, ref: OutboxRef, outbox: OutboxItem): Promise<OutboxItem | undefined> {
  const nowMs = deps.clock.nowMs();
  const sender = deps.random.ulid(nowMs);
  const args = { seq: outbox.seq, sender, nowMs, wakeAtMs: nowMs + REPORT_SENDER_MS, dueShard: REPORTS_SHARD };
  const move = outbox.state === "pending" ? outboxMoves.take : outboxMoves.takeOver;
  const { item } = await deps.store.apply(move, outboxKey(ref), args, CAUSE);
  return item?.sender === sender ? item : undefined;
}

interface Sending {
  readonly deps: ReportDeps;
  readonly ref: OutboxRef;
  readonly sender: string;
  readonly seq: number;
  /** Of the monotonic clock: nothing new is begun after it. */
  readonly untilMs: number;
  sent: Record<string, Sent>;
}

async function send(deps: ReportDeps, ref: OutboxRef, taken: OutboxItem, lookAround: LookAround): Promise<void> {
  const untilMs = deps.clock.monotonicMs() + REPORT_SENDING_MS;
  const sending: Sending = { deps, ref, sender: taken.sender ?? "", seq: taken.seq, untilMs, sent: { ...taken.sent } };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const look = await tryLook(lookAround, taken);
    if ("message" in look) return handleTrouble(sending, taken, look);
    if ("stop" in look) return giveUp(sending, { message: look.stop, kind: "final" }, false);
    const trouble = await sendChanges(sending, look);
    if (trouble !== undefined) return handleTrouble(sending, taken, trouble);
    const refused = refusedWhole(sending, look);
    if (refused !== undefined) return giveUp(sending, { message: refused, kind: "final" }, false);
    const item = await settle(sending, look);
    if (item === undefined || item.state !== "sending" || item.sender !== sending.sender) return;
    if (!(await lookAgain(sending))) return;
  }
  await postpone(sending, taken, { message: "its run changes faster than it can be shown", kind: "passing" }, 0);
}

async function tryLook(lookAround: LookAround, taken: OutboxItem): Promise<Look | Stop | Trouble> {
  try {
    return await lookAround(taken);
  } catch (error) {
    return troubleOf(error);
  }
}

function changesOf(look: Look, sent: Readonly<Record<string, Sent>>): Parcel[] {
  return look.parcels.filter(({ key, digest }) => entryOf(sent, key)?.digest !== digest);
}

/** Why the forge takes none of it, at the end of a run. */
function refusedWhole({ sent }: Sending, { parcels, end }: Look): string | undefined {
  const reasons = parcels.map(({ key }) => entryOf(sent, key)?.refused);
  return end === "last" && reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
}

async function sendChanges(sending: Sending, look: Look): Promise<Trouble | undefined> {
  const troubles: Trouble[] = [];
  await eachOf(changesOf(look, sending.sent), WIDTH, async (parcel) => {
    if (troubles.some(({ stopsAll }) => stopsAll)) return;
    const isLate = sending.deps.clock.monotonicMs() > sending.untilMs;
    const trouble = isLate ? OUT_OF_TIME : await sendOne(sending, parcel);
    if (trouble !== undefined) troubles.push(trouble);
  });
  return worstTrouble(troubles);
}

/** One that the forge refuses, for now or for good, does not keep the others from being shown. */
async function sendOne(sending: Sending, { key, digest, send: show }: Parcel): Promise<Trouble | undefined> {
  const { deps, sent, ref } = sending;
  const before = entryOf(sent, key);
  try {
    sent[key] = { digest, id: await show(before?.id) };
    deps.metrics.count("ReportsSent");
    return undefined;
  } catch (error) {
    const refused = refusedSent(before, digest, error, deps.clock.nowMs());
    const trouble = troubleOf(error);
    // A comment outlives its runs, and is tried again with the next one's report.
    if (refused.refused !== undefined && !("runId" in ref)) {
      if (before !== undefined) sent[key] = { ...before, waits: undefined };
      return { ...trouble, isOver: true };
    }
    sent[key] = refused;
    if (refused.refused === undefined) return trouble;
    deps.metrics.count("ReportsFailed");
    deps.log.warn("a forge refused a report", { ...ref, key, error: refused.refused });
    return undefined;
  }
}

async function settle({ deps, ref, sender, seq, sent }: Sending, { end }: Look): Promise<OutboxItem | undefined> {
  const nowMs = deps.clock.nowMs();
  const move = { more: outboxMoves.settle, quiet: outboxMoves.rest, last: outboxMoves.finish }[end];
  const args = { sender, sent, nowMs, fence: seq, wakeAtMs: nowMs + REPORT_LOOK_MS };
  const { item } = await deps.store.apply(move as MoveOn<"outbox">, outboxKey(ref), args, CAUSE);
  return item;
}

async function lookAgain({ deps, ref, sender, sent }: Sending): Promise<boolean> {
  const nowMs = deps.clock.nowMs();
  const args = { sender, sent, nowMs, wakeAtMs: nowMs + REPORT_SENDER_MS };
  const { item } = await deps.store.apply(outboxMoves.again, outboxKey(ref), args, CAUSE);
  return item?.state === "sending" && item.sender === sender;
}

async function handleTrouble(sending: Sending, outbox: OutboxItem, trouble: Trouble): Promise<void> {
  if (trouble.isOver || outbox.tries >= REPORT_TRIES_MAX) return giveUp(sending, trouble, true);
  return postpone(sending, outbox, trouble, delayAfter(trouble, outbox.tries));
}

/** Who is named a short time too often waits as long as anybody: else the tries would be spent within minutes. */
export function delayAfter({ retryAfterMs }: Pick<Trouble, "retryAfterMs">, tries: number): number {
  if (retryAfterMs !== undefined && tries < SHORT_WAITS_MAX) return Math.ceil(retryAfterMs);
  return Math.ceil(Math.max(retryAfterMs ?? 0, REPORT_BACKOFF_MS + backoffMs(BACKOFF, tries + 1)));
}

async function postpone(
  { deps, ref, sender, sent }: Sending,
  { tries }: OutboxItem,
  { message: error, kind: errorKind }: Pick<Trouble, "message" | "kind">,
  delayMs: number,
): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const args = { sender, sent, nowMs, wakeAtMs: nowMs + delayMs, error, errorKind };
  const { applied } = await deps.store.apply(outboxMoves.postpone, outboxKey(ref), args, CAUSE);
  if (!applied) return;
  deps.metrics.count("ReportsPostponed");
  deps.log.warn("a report is tried again later", { ...ref, tries: tries + 1, delayMs, error });
  await hintOutbox(deps, ref, delayMs);
}

async function giveUp(
  { deps, ref, sender, seq, sent }: Sending,
  { message: error, kind: errorKind }: Pick<Trouble, "message" | "kind">,
  isFailure: boolean,
): Promise<void> {
  const args = { sender, sent, fence: seq, nowMs: deps.clock.nowMs(), error, errorKind };
  // A comment outlives its runs: the next one's report may find what refused it mended.
  const move = "runId" in ref ? outboxMoves.giveUp : outboxMoves.lapse;
  const { applied } = await deps.store.apply(move as MoveOn<"outbox">, outboxKey(ref), args, {
    ...CAUSE,
    reason: error,
  });
  if (!applied) return;
  if (isFailure) deps.metrics.count("ReportsFailed");
  deps.log.warn("a report was given up", { ...ref, error });
}
