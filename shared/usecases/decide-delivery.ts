import { deliveryMoves } from "../domain/delivery-moves.ts";
import {
  DELIVERY_GIVE_UP_MS,
  DELIVERY_MS,
  DELIVERY_RETRY_MAX_MS,
  DELIVERY_RETRY_MIN_MS,
  DELIVERY_TRIES_MAX,
  REASON_LENGTH_MAX,
  TAG_GIVE_UP_MS,
} from "../domain/limits.ts";
import { cut } from "../lib/cut.ts";
import type { Trigger } from "../protocol/triggers.ts";
import type { Decision } from "../protocol/webhooks.ts";
import type { ProjectItem } from "../store/items.ts";
import { type DeliveryRef, deliveryKey } from "../store/keys.ts";
import type { DeliveryHint } from "../store/queues.ts";
import type { Cause } from "../store/store.ts";
import type { DeliveryItem } from "../store/trigger-items.ts";
import { isAbsenceUnsure } from "./confirm-absence.ts";
import { doubtHead } from "./doubt-head.ts";
import { followRepository, keepIdentity } from "./follow-repository.ts";
import { ForgeError, isFinalRefusal } from "./forge.ts";
import { hintPostponed } from "./hints.ts";
import { isNamed, otherReason } from "./repository-identity.ts";
import { startTriggered } from "./start-triggered.ts";
import { canSupersede } from "./supersede.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

const CAUSE: Cause = { actor: "trigger" };

/**
 * Decides a delivery that is `received`: starts its runs and writes down what came of it. Two at once are harmless. A
 * forge that does not answer now, or refuses what may be mended, postpones it, with the reason; after hours it fails. Anything else is
 * thrown: the message comes back, and sweep sends another. A hint with a `fence` is for one try alone: a copy of it, or one
 * that another try was faster than, does nothing.
 */
export async function decideDelivery(deps: TriggerDeps, { fence, ...ref }: DeliveryHint): Promise<void> {
  const item = await deps.triggers.getDelivery(deliveryKey(ref));
  if (item?.state !== "received") return;
  if (fence !== undefined && fence !== item.fence) return;
  const refusal = item.trigger === undefined ? undefined : refusalOf(item, item.trigger);
  if (refusal !== undefined) return ignore(deps, item, refusal);
  const project = await deps.projects.getProject(ref.tenant, ref.project);
  if (project === undefined) return ignore(deps, item, "its project was removed");
  let decisions: Decision[];
  try {
    const now = await followTold(deps, project, item);
    if (now === undefined) return ignore(deps, item, otherReason(project, item.repository ?? { name: "another" }));
    decisions =
      item.trigger === undefined
        ? [{ pipeline: "*", reason: `the repository is ${now.forge.repository}` }]
        : await startTriggered(deps, now, item.trigger, "webhook");
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    return postponeOrFail(deps, project, item, error);
  }
  const { applied } = await deps.store.apply(
    deliveryMoves.handle,
    item,
    { nowMs: deps.clock.nowMs(), decisions },
    CAUSE,
  );
  if (applied) deps.metrics.count("DeliveriesHandled", 1, { outcome: "handled" });
}

/**
 * An event by another name than the project's was told before or after a renaming, or is of another repository: the forge says which
 * repository is the project's, and how it is named now. Undefined where that is not the event's.
 */
async function followTold(
  deps: TriggerDeps,
  project: ProjectItem,
  item: DeliveryItem,
): Promise<ProjectItem | undefined> {
  const { id, name } = item.repository ?? { name: "" };
  if (id === undefined) return project;
  if (!isNamed(project, name)) {
    const now = await followRepository(deps, project);
    return now.repositoryId === id ? now : undefined;
  }
  const known = project.repositoryId === undefined ? await keepIdentity(deps, project, { id, name }) : project;
  return known.repositoryId === id ? known : undefined;
}

/** Its keys are forgotten some day: then an old event that somebody sends again must not be new (SECURITY 18). */
function refusalOf(item: DeliveryItem, trigger: Trigger): string | undefined {
  const ageMs = item.receivedAtMs - trigger.occurredAtMs;
  return ageMs > DELIVERY_MS ? "it happened more than 7 days before it came" : undefined;
}

async function ignore(deps: TriggerDeps, item: DeliveryItem, reason: string): Promise<void> {
  deps.log.info("delivery ignored", { project: item.project, delivery: item.deliveryId, reason });
  const args = { nowMs: deps.clock.nowMs(), fence: item.fence, reason };
  const { applied } = await deps.store.apply(deliveryMoves.ignore, item, args, CAUSE);
  if (applied) deps.metrics.count("DeliveriesHandled", 1, { outcome: "ignored" });
}

async function postponeOrFail(
  deps: TriggerDeps,
  project: ProjectItem,
  item: DeliveryItem,
  error: ForgeError,
): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const reason = cut(error.message, REASON_LENGTH_MAX);
  const isOver =
    isFinal(error, item, nowMs) || nowMs - item.receivedAtMs > giveUpMs(item) || item.fence >= DELIVERY_TRIES_MAX;
  const about = { project: item.project, delivery: item.deliveryId, reason, again: !isOver };
  if (isAbsenceUnsure(error)) deps.log.info("delivery waits", about);
  else deps.log.warn("delivery not decided", about);
  if (isOver) return failDelivery(deps, project, item, { ...CAUSE, reason });
  const backoffMs = Math.min(DELIVERY_RETRY_MAX_MS, DELIVERY_RETRY_MIN_MS * 2 ** item.tries);
  const delayMs = Math.max(backoffMs, error.retryAfterMs ?? 0);
  const nextFence = item.fence + 1;
  const args = { nowMs, fence: item.fence, nextFence, reason, wakeAtMs: nowMs + delayMs };
  const { applied } = await deps.store.apply(deliveryMoves.postpone, item, args, { ...CAUSE, reason });
  if (applied) await hintPostponed(deps, { ...deliveryRefOf(item), fence: nextFence }, delayMs);
}

/** 404 is also how a forge refuses whom it does not know: the App may be installed yet, or the token be given access. */
const isFinal = (error: ForgeError, { receivedAtMs }: DeliveryItem, nowMs: number): boolean =>
  error.status !== 404 && isFinalRefusal(error, receivedAtMs, nowMs);

export const giveUpMs = ({ trigger }: Pick<DeliveryItem, "trigger">): number =>
  trigger?.event === "tag" ? TAG_GIVE_UP_MS : DELIVERY_GIVE_UP_MS;

const deliveryRefOf = ({ tenant, forge, project, deliveryId }: DeliveryItem): DeliveryRef => ({
  tenant,
  forge,
  project,
  deliveryId,
});

type FailDeps = Pick<TriggerDeps, "store" | "clock" | "random" | "metrics">;

/** It may have been part of what a first sight of the project took for old: so the next comparison takes its head for new. */
export async function failDelivery(
  deps: FailDeps,
  project: ProjectItem | undefined,
  item: DeliveryItem,
  cause: Cause & { readonly reason: string },
): Promise<void> {
  const { trigger, fence } = item;
  if (project !== undefined && trigger !== undefined && canSupersede(trigger)) await doubtHead(deps, project, trigger);
  const args = { nowMs: deps.clock.nowMs(), fence, reason: cause.reason };
  const { applied } = await deps.store.apply(deliveryMoves.fail, item, args, cause);
  if (applied) deps.metrics.count("DeliveriesHandled", 1, { outcome: "failed" });
}
