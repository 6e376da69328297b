import type { AuditActor } from "../protocol/audit.ts";
import type { CallReply } from "../protocol/client.ts";
import type { JobItem } from "../store/items.ts";
import { type AuditDeps, onceId, recordAudit } from "./audit.ts";
import { chooseSecrets } from "./choose-secrets.ts";
import type { LeaseClaims } from "./lease-token.ts";
import { held } from "./renew-lease.ts";
import { jobSecretsFolder, parseJobSecretPath } from "./secret-paths.ts";
import { type LoadedSpec, loadSpec } from "./specs.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

/**
 * The values of the secrets that a job's spec names, for the attempt that holds its lease and for no other. Names that
 * the project does not have are left out. A run that a fork's pull request started gets none (SECURITY 19). What is
 * given is written to the audit first, once for a lease and the same names. Throws `stale_lease`.
 */
export async function readJobSecrets(
  deps: ProjectDeps & AuditDeps,
  claims: LeaseClaims,
): Promise<CallReply<"secrets">> {
  const [seen, cold] = await Promise.all([deps.store.getJob(claims), loadSpec(deps, claims)]);
  const job = held(deps, seen, claims, deps.clock.nowMs());
  if (cold.trigger?.fork === true) return { values: {}, withheld: "fork" };
  const asked = cold.spec.secrets;
  if (asked.length === 0) return { values: {} };
  const stored = await deps.secrets.readAll(jobSecretsFolder(cold.project));
  const kept = [...stored].flatMap(([path, value]) => {
    const ref = parseJobSecretPath(cold.project, path);
    return ref === undefined ? [] : [{ ...ref, value }];
  });
  const values = chooseSecrets(kept, asked, branchOf(cold));
  await recordUse(deps, job, [...values.keys()]);
  return { values: Object.fromEntries(values) };
}

/** Where an event started the run, the branch that it was about: a tag is none, whatever its source is called. */
function branchOf({ trigger, source }: LoadedSpec): string | undefined {
  return trigger === undefined ? source?.branch : trigger.branch;
}

async function recordUse(deps: ProjectDeps & AuditDeps, job: JobItem, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { lease, fence, jobId, runId } = job;
  const id = onceId(lease?.grantedAtMs ?? deps.clock.nowMs(), "secret.use", runId, jobId, fence, ...names);
  const actor: AuditActor = { kind: "runner", id: lease?.runnerId ?? "", name: lease?.runnerName ?? "" };
  const details = { project: job.project, job: jobId, fence, names: [...names] };
  await recordAudit(deps, { action: "secret.use", actor, subject: runId, details, id });
  deps.log.info("secrets given", { names });
}
