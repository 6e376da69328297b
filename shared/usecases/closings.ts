import { RETENTION_MS } from "../domain/limits.ts";
import type { Trigger } from "../protocol/triggers.ts";
import { closingKey, type PullRef } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

/**
 * When pull requests were closed. One that is opened again is a new moment of the same commit: what its closing canceled
 * runs anew. The same event finds the same closing however often and late it comes, so its key stays the same.
 */

type PullTrigger = Extract<Trigger, { event: "pull_request" }>;

export const isClosing = (trigger: Trigger): trigger is PullTrigger & { readonly action: "closed" } =>
  trigger.event === "pull_request" && trigger.action === "closed";

/** Writes a closing down, once, before anything is decided by it. */
export async function recordClosing(deps: TriggerDeps, project: string, trigger: PullTrigger): Promise<void> {
  const { tenant } = deps.settings;
  const closedAtMs = trigger.occurredAtMs;
  const ttl = Math.ceil((deps.clock.nowMs() + RETENTION_MS) / 1_000);
  const key = closingKey({ tenant, project, number: trigger.number }, closedAtMs);
  await deps.store.birth([{ ...key, v: ITEM_VERSION, tenant, ttl, family: "closing", closedAtMs }]);
}

/** Whether its pull request was closed since: what it starts was of the time before. */
export async function isBeforeClosing(deps: TriggerDeps, project: string, trigger: Trigger): Promise<boolean> {
  if (trigger.event !== "pull_request") return false;
  const pull: PullRef = { tenant: deps.settings.tenant, project, number: trigger.number };
  return (await deps.triggers.lastClosing(pull, Number.MAX_SAFE_INTEGER)) !== trigger.closedAtMs;
}

/** The trigger with the last closing before it. */
export async function sinceClosing<T extends Trigger>(deps: TriggerDeps, project: string, trigger: T): Promise<T> {
  if (trigger.event !== "pull_request" || isClosing(trigger)) return trigger;
  const pull: PullRef = { tenant: deps.settings.tenant, project, number: trigger.number };
  // A forge's times have whole seconds; within one, only reopening is sure to come after the closing.
  const untilMs = trigger.action === "reopened" ? trigger.occurredAtMs : trigger.occurredAtMs - 1;
  const closedAtMs = await deps.triggers.lastClosing(pull, untilMs);
  return closedAtMs === undefined ? trigger : { ...trigger, closedAtMs };
}
