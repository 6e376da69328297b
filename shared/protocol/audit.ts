import { z } from "zod";
import { PAGE_AUDIT_MAX } from "../domain/limits.ts";

/** What was done with rights, by whom (SECURITY 35). Claims are not here: each is in its job's history, by its own write. */
const AUDIT_ACTIONS = [
  "token.create",
  "token.revoke",
  "project.add",
  "project.change",
  "project.remove",
  "secret.set",
  "secret.remove",
  "secret.use",
  "source.use",
  "run.cancel",
  "run.approve",
  "session.open",
] as const;

/** `id` is the token's or the runner's own; a name is chosen by people and may be anybody's. */
export const auditActorSchema = z.object({
  /** `forge`: an event of it, or its answer. `host`: an instance that proved who it is; `id` is its role, `name` itself. */
  kind: z.enum(["token", "runner", "operator", "forge", "host"]),
  id: z.string(),
  name: z.string(),
});
export type AuditActor = z.infer<typeof auditActorSchema>;

export const auditEntrySchema = z.object({
  /** Sorts by time. */
  id: z.string(),
  atMs: z.int(),
  action: z.enum(AUDIT_ACTIONS),
  actor: auditActorSchema,
  /** What it was done to: a token, a project, a run, a runner. */
  subject: z.string(),
  /** Names and numbers; never a value that is secret. */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())])).default({}),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

const auditDay = z.iso.date();

/** `day` is one of UTC; today where absent. */
export const auditQuery = z.strictObject({
  day: auditDay.optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_AUDIT_MAX).default(PAGE_AUDIT_MAX),
  cursor: z.string().max(64).optional(),
});
export const auditReply = z.object({
  day: auditDay,
  entries: z.array(auditEntrySchema),
  cursor: z.string().optional(),
});
