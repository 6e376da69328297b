import { encodeTime } from "ulid";
import { AUDIT_MS } from "../domain/limits.ts";
import type { AuditActor, AuditEntry } from "../protocol/audit.ts";
import type { AuditStore } from "../store/audit-store.ts";
import { ttlAt } from "../store/item-base.ts";
import type { AuditItem } from "../store/items.ts";
import { auditKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Deps } from "./deps.ts";
import { digest } from "./specs.ts";

export interface AuditDeps extends Pick<Deps, "clock" | "random" | "settings"> {
  readonly audit: AuditStore;
}

type RecordDeps = Omit<AuditDeps, "settings"> & { readonly settings: Pick<Deps["settings"], "tenant"> };

/**
 * Writes down what is done with rights, and throws where it cannot. Call it before the effect (a session, which is only
 * its answer, before that): then nothing is done unrecorded.
 */
export async function recordAudit(
  deps: RecordDeps,
  entry: Pick<AuditEntry, "action" | "subject"> & {
    readonly actor: AuditActor;
    readonly details?: AuditEntry["details"];
    /** A new one where absent. */
    readonly id?: string;
  },
): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const { tenant } = deps.settings;
  const id = entry.id ?? deps.random.ulid(nowMs);
  const item: AuditItem = {
    ...auditKey(tenant, dayOf(nowMs), id),
    v: ITEM_VERSION,
    tenant,
    ttl: ttlAt(nowMs + AUDIT_MS),
    family: "audit",
    id,
    atMs: nowMs,
    action: entry.action,
    actor: entry.actor,
    subject: entry.subject,
    details: entry.details ?? {},
  };
  await deps.audit.append(item);
}

/** A page of one day; today's where none is named. */
export async function readAudit(
  deps: AuditDeps,
  query: { readonly day?: string | undefined; readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ day: string; entries: AuditEntry[]; cursor?: string }> {
  const day = query.day ?? dayOf(deps.clock.nowMs());
  const { items, ...more } = await deps.audit.readDay(deps.settings.tenant, day, query.limit, query.cursor);
  const entries = items.map(({ id, atMs, action, actor, subject, details }) => ({
    id,
    atMs,
    action,
    actor,
    subject,
    details,
  }));
  return { day, entries, ...more };
}

/**
 * The id of an entry that is written once, however often what it is of is done: for calls that an attempt may repeat. It
 * sorts by `sinceMs`, as other ids do by their time.
 */
export function onceId(sinceMs: number, ...parts: readonly (string | number)[]): string {
  return encodeTime(sinceMs).toLowerCase() + digest(JSON.stringify(parts)).slice(0, ID_DIGITS);
}
const ID_DIGITS = 16;

const dayOf = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 10);
