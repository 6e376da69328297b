import { ABSENT_AGAIN_MS, DELIVERY_MS } from "../domain/limits.ts";
import { ttlAt } from "../store/item-base.ts";
import type { ProjectItem } from "../store/items.ts";
import { absenceKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import { ForgeError } from "./forge.ts";
import { digest } from "./specs.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

/** What is missing where a commit has no pipeline. */
export const PIPELINES = "pipeline in .baton/";

/** What a forge does not show now: it is asked for once more, since one of its replicas may lag behind the event. */
class AbsenceUnsure extends ForgeError {}

export const isAbsenceUnsure = (error: unknown): boolean => error instanceof AbsenceUnsure;

/**
 * Returns where the forge has said for `ABSENT_AGAIN_MS` that this is not there at the commit; before that throws a `ForgeError`
 * that asks to wait. What is written down is of the commit and the file, so that every trigger of them asks twice together.
 */
export async function confirmAbsence(
  deps: TriggerDeps,
  project: ProjectItem,
  sha: string,
  what: string,
): Promise<void> {
  const { tenant } = deps.settings;
  const key = absenceKey(tenant, digest(JSON.stringify([project.name, sha, what])));
  const nowMs = deps.clock.nowMs();
  const seen = await deps.triggers.getAbsence(key);
  const item = { ...key, v: ITEM_VERSION, tenant, ttl: ttlAt(nowMs + DELIVERY_MS), firstAtMs: nowMs } as const;
  if (seen === undefined) await deps.store.birth([{ ...item, family: "absence" }]);
  const waitMs = Math.min(ABSENT_AGAIN_MS, (seen?.firstAtMs ?? nowMs) + ABSENT_AGAIN_MS - nowMs);
  if (waitMs <= 0) return;
  const message = `the forge shows no ${what} at ${sha}; it is asked once more, since it may lag behind its event`;
  throw new AbsenceUnsure(message, { retry: true, retryAfterMs: waitMs });
}

/** A file that the commit's list names. Where it is not there, a replica lags: throws a `ForgeError`, and is asked again. */
export async function readListed(deps: TriggerDeps, project: ProjectItem, sha: string, path: string): Promise<string> {
  const text = await deps.forge.readFile(project, sha, path);
  if (text !== undefined) return text;
  throw new AbsenceUnsure(`the forge lists ${path} at ${sha}, and does not show it yet`, {
    retry: true,
    retryAfterMs: ABSENT_AGAIN_MS,
  });
}
