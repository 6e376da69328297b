import { messageOf } from "../lib/message-of.ts";
import type { JobItem, RunItem } from "../store/items.ts";
import type { OutboxRef, RunRef } from "../store/keys.ts";
import { type DeliveryHint, type PoolOffer, QUEUE_DELAY_MAX_MS } from "../store/queues.ts";
import type { Deps } from "./deps.ts";
import type { DeliveryDeps } from "./trigger-deps.ts";

/**
 * Whatever is sent is a hint: the table can do without any of them, since sweep and reconcile send what was lost. So a
 * queue that refuses one does not fail the caller, whose write has already been accepted; it is counted and logged.
 */
export async function hint(
  deps: Pick<Deps, "metrics" | "log">,
  what: string,
  send: () => Promise<void>,
): Promise<void> {
  try {
    await send();
  } catch (error) {
    deps.metrics.count("HintsFailed");
    deps.log.warn(`could not send ${what}; sweep or reconcile will`, {
      error: messageOf(error),
    });
  }
}

/** Offers queued jobs to their pools. */
export async function offerJobs(deps: Deps, jobs: readonly JobItem[]): Promise<void> {
  const once = jobs.filter((job) => job.state === "queued").map(toOffer);
  const offers = once.flatMap((offer) => Array.from({ length: deps.settings.offerCopies }, () => offer));
  if (offers.length === 0) return;
  await hint(deps, "offers", () => deps.queues.sendOffers(offers));
  deps.metrics.count("OffersSent", offers.length);
}

function toOffer(job: JobItem): PoolOffer {
  const { tenant, runId, jobId, fence } = job;
  return { pool: job.pool, project: job.project, offer: { v: 1, tenant, runId, jobId, fence } };
}

/** Starts or continues the chain: whoever reconciles with this seq passes the next tick on. */
export async function chainTick(deps: Deps, run: RunRef & Pick<RunItem, "tickSeq" | "wakeAtMs">): Promise<void> {
  const delayMs = Math.max(0, (run.wakeAtMs ?? 0) - deps.clock.nowMs());
  await hint(deps, "a tick", () =>
    deps.queues.sendTick({ tenant: run.tenant, runId: run.runId, seq: run.tickSeq }, delayMs),
  );
}

/** Wakes the reconciler now, once: there is more to do than one handler may. */
export async function tickNow(deps: Deps, run: RunRef): Promise<void> {
  await hint(deps, "a tick", () => deps.queues.sendTick({ tenant: run.tenant, runId: run.runId }, 0));
}

/** A run has changed, or one of its jobs: where a forge shows it, the forge is to be told. */
export async function hintReport(deps: Deps, item: RunRef & { readonly reports?: boolean | undefined }): Promise<void> {
  if (item.reports === true) await hintOutbox(deps, { tenant: item.tenant, runId: item.runId }, 0);
}

/** Asks for a delivery that was postponed, when its wait is over. What a queue cannot wait for is left to sweep. */
export async function hintPostponed(
  deps: Pick<DeliveryDeps, "sendDelivery" | "metrics" | "log">,
  delivery: DeliveryHint,
  delayMs: number,
): Promise<void> {
  if (delayMs > QUEUE_DELAY_MAX_MS) return;
  await hint(deps, "a delivery", () => deps.sendDelivery(delivery, delayMs));
}

/** Wakes the sender of one outbox. What lies further ahead than a queue can wait is left to sweep. */
export async function hintOutbox(
  deps: Pick<Deps, "queues" | "metrics" | "log">,
  ref: OutboxRef,
  delayMs: number,
): Promise<void> {
  if (delayMs > QUEUE_DELAY_MAX_MS) return;
  await hint(deps, "a report", () => deps.queues.sendReport(ref, delayMs));
}
