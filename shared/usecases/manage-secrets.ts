import { DomainError } from "../domain/errors.ts";
import { SECRETS_PER_PROJECT_MAX } from "../domain/limits.ts";
import { deadPatternMistake } from "../pipeline/dead-pattern.ts";
import { globMistake } from "../pipeline/match-glob.ts";
import type { AuditActor } from "../protocol/audit.ts";
import type { SecretView } from "../protocol/projects.ts";
import { type AuditDeps, recordAudit } from "./audit.ts";
import { keepSecret } from "./keep-secret.ts";
import { readProject } from "./manage-projects.ts";
import { jobSecretPath, jobSecretsFolder, parseJobSecretPath, type SecretRef } from "./secret-paths.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

type Deps = ProjectDeps & AuditDeps;

/** Keeps a secret of a project, in place of an earlier value. Throws `not_found`, `bad_request`, `conflict`. */
export async function setSecret(
  deps: Deps,
  project: string,
  secret: SecretRef & { readonly value: string },
  actor: AuditActor,
): Promise<void> {
  const item = await readProject(deps, project);
  const mistake = secret.branch === undefined ? undefined : branchPatternMistake(secret.branch);
  if (mistake !== undefined) throw new DomainError("bad_request", `the branch pattern ${mistake}`);
  const path = jobSecretPath(project, secret);
  const kept = await deps.secrets.list(jobSecretsFolder(project));
  if (kept.length >= SECRETS_PER_PROJECT_MAX && !kept.some((entry) => entry.path === path)) {
    throw new DomainError(
      "conflict",
      `project ${project} has ${kept.length} secrets; ${SECRETS_PER_PROJECT_MAX} are allowed (SECRETS_PER_PROJECT_MAX)`,
    );
  }
  await recordAudit(deps, { action: "secret.set", actor, subject: project, details: detailsOf(secret) });
  await keepSecret(deps, item, path, secret.value);
}

const branchPatternMistake = (pattern: string): string | undefined =>
  globMistake(pattern) ?? deadPatternMistake(pattern, "branch");

/** Names and patterns, never values. Throws `not_found`. */
export async function listSecrets(deps: ProjectDeps, project: string): Promise<SecretView[]> {
  await readProject(deps, project);
  const kept = await deps.secrets.list(jobSecretsFolder(project));
  return kept
    .flatMap(({ path, updatedAtMs }) => {
      const ref = parseJobSecretPath(project, path);
      return ref === undefined ? [] : [{ ...ref, updatedAtMs }];
    })
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const sortKey = ({ name, branch = "" }: SecretRef) => `${name}\0${branch}`;

/** Throws `not_found`. */
export async function removeSecret(deps: Deps, project: string, secret: SecretRef, actor: AuditActor): Promise<void> {
  await readProject(deps, project);
  const path = jobSecretPath(project, secret);
  const kept = await deps.secrets.list(jobSecretsFolder(project));
  if (!kept.some((entry) => entry.path === path)) throw noSecret(project, secret);
  await recordAudit(deps, { action: "secret.remove", actor, subject: project, details: detailsOf(secret) });
  if (!(await deps.secrets.remove(path))) throw noSecret(project, secret);
}

function noSecret(project: string, { name, branch }: SecretRef): DomainError {
  const where = branch === undefined ? "" : ` for branches ${branch}`;
  return new DomainError("not_found", `project ${project} has no secret ${name}${where}`);
}

function detailsOf({ name, branch }: SecretRef) {
  return { name, ...(branch === undefined ? {} : { branch }) };
}
