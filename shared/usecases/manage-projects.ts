import { DomainError } from "../domain/errors.ts";
import { POOL_FORKS } from "../domain/plan.ts";
import { forgeUrlProblem } from "../lib/forge-hosts.ts";
import type { AuditActor } from "../protocol/audit.ts";
import type { AddProject, ChangeProject, ForgeSecret, ProjectBody, ProjectView } from "../protocol/projects.ts";
import type { ProjectItem } from "../store/items.ts";
import { projectItemKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import { type AuditDeps, recordAudit } from "./audit.ts";
import { bindSecret } from "./bound-secret.ts";
import { cloneOriginOf, cloneUrlOf } from "./clone-url.ts";
import { keepSecret } from "./keep-secret.ts";
import { isSameRepository, repositoryFactsOf } from "./repository-identity.ts";
import { cloneSecretPath, forgeSecretPath, projectSecretsRoot, webhookSecretsFolder } from "./secret-paths.ts";
import type { ProjectDeps } from "./trigger-deps.ts";
import { dropOldWebhookSecret, rotateWebhookSecret } from "./webhook-secrets.ts";

type Deps = ProjectDeps & AuditDeps;
type ProjectFacts = ProjectView;

export async function listProjects(deps: ProjectDeps): Promise<ProjectView[]> {
  return (await deps.projects.listProjects(deps.settings.tenant)).map(toProjectView);
}

/** Throws `not_found`. */
export async function readProject(deps: ProjectDeps, name: string): Promise<ProjectItem> {
  const found = await deps.projects.getProject(deps.settings.tenant, name);
  if (found === undefined) throw new DomainError("not_found", `there is no project ${name}`);
  return found;
}

export interface AddedProject {
  readonly project: ProjectView;
  readonly webhookSecret: string;
  readonly webhookPath: string;
  readonly warnings: string[];
}

/**
 * Adds a project, and answers a new secret for its webhook. The project comes first: of two at once only the one that
 * made it writes its secrets, after those that one of the same name may have left. Throws `conflict` where there is one of that name.
 */
export async function addProject(deps: Deps, body: AddProject, actor: AuditActor): Promise<AddedProject> {
  const { secret, cloneToken, ...project } = body;
  const { tenant } = deps.settings;
  checkForge(deps, project.forge, secret);
  const hasCloneToken = typeof cloneToken === "string";
  if (hasCloneToken) checkCloneToken(project.forge);
  if (project.forge.credentials !== "none" && secret === undefined)
    throw new DomainError("bad_request", `the credentials "${project.forge.credentials}" are missing`);
  const taken = new DomainError("conflict", `there is a project ${project.name} already`);
  if ((await deps.projects.getProject(tenant, project.name)) !== undefined) throw taken;
  const nowMs = deps.clock.nowMs();
  const item = projectItem(tenant, project, { hasCloneToken, createdAtMs: nowMs, updatedAtMs: nowMs });
  const details = detailsOf(project, cloneToken);
  await recordAudit(deps, { action: "project.add", actor, subject: project.name, details });
  const answer = await deps.projects.addProject(item);
  if (answer === "exists") throw taken;
  if (answer === "full") throw new DomainError("conflict", "there are too many projects (PROJECTS_MAX)");
  await removeAll(deps, await secretPathsOf(deps, project.name));
  const webhookSecret = await rotateWebhookSecret(deps, item);
  if (secret !== undefined) await keepForgeSecret(deps, item, secret);
  if (hasCloneToken) await keepCloneToken(deps, item, cloneToken);
  return {
    project: toProjectView(item),
    webhookSecret,
    webhookPath: `/v1/webhooks/${project.forge.kind}/${project.name}`,
    warnings: warningsOf(deps, project),
  };
}

/** Replaces a project's settings; its credentials stay where none are given. Throws `not_found`, `conflict`. */
export async function changeProject(
  deps: Deps,
  name: string,
  body: ChangeProject,
  actor: AuditActor,
): Promise<ProjectView> {
  const { secret, cloneToken, ...settings } = body;
  const seen = await readProject(deps, name);
  checkForge(deps, settings.forge, secret);
  if (secret === undefined) checkKeptSecret(seen, settings.forge);
  const project = { name, ...settings };
  const hasCloneToken = keepsCloneToken(seen, settings.forge, cloneToken);
  // Greater than the one seen, also within one millisecond: it is what the next change compares.
  const updatedAtMs = Math.max(deps.clock.nowMs(), seen.updatedAtMs + 1);
  const known = isSameRepository(seen, settings.forge) ? repositoryFactsOf(seen) : {};
  const facts = { hasCloneToken, createdAtMs: seen.createdAtMs, updatedAtMs, ...known };
  const item = projectItem(seen.tenant, project, facts);
  const details = detailsOf(project, cloneToken);
  await recordAudit(deps, { action: "project.change", actor, subject: name, details });
  if ((await deps.projects.changeProject(item, seen)) === "changed")
    throw new DomainError("conflict", `project ${name} was changed by somebody else: look at it, and try again`);
  if (secret !== undefined) await keepForgeSecret(deps, item, secret);
  else if (settings.forge.credentials === "none") await deps.secrets.remove(forgeSecretPath(name));
  if (typeof cloneToken === "string") await keepCloneToken(deps, item, cloneToken);
  else if (!hasCloneToken && seen.hasCloneToken) await deps.secrets.remove(cloneSecretPath(name));
  return toProjectView(item);
}

/**
 * Removes a project and all of its secrets: those first, so that a repeat finishes what a crash left, and then what was
 * kept meanwhile, unless another of that name is there by now. Its runs stay.
 * Throws `not_found`.
 */
export async function removeProject(deps: Deps, name: string, actor: AuditActor): Promise<void> {
  await readProject(deps, name);
  await recordAudit(deps, { action: "project.remove", actor, subject: name });
  await removeAll(deps, await secretPathsOf(deps, name));
  const removed = await deps.projects.removeProject(deps.settings.tenant, name, deps.clock.nowMs());
  if (!removed) throw new DomainError("not_found", `there is no project ${name}`);
  const late = await secretPathsOf(deps, name);
  if ((await deps.projects.getProject(deps.settings.tenant, name)) === undefined) await removeAll(deps, late);
}

async function secretPathsOf(deps: ProjectDeps, name: string): Promise<string[]> {
  const folders = [projectSecretsRoot(name), webhookSecretsFolder(name)];
  const found = await Promise.all(folders.map((folder) => deps.secrets.list(folder)));
  return found.flat().map(({ path }) => path);
}

async function removeAll(deps: ProjectDeps, paths: readonly string[]): Promise<void> {
  for (const path of paths) await deps.secrets.remove(path);
}

/** Throws `not_found`. */
export async function rotateProjectWebhook(
  deps: Deps,
  name: string,
  action: "rotate" | "drop_old",
  actor: AuditActor,
): Promise<{ webhookSecret?: string }> {
  const item = await readProject(deps, name);
  await recordAudit(deps, { action: "project.change", actor, subject: name, details: { webhookSecret: action } });
  if (action === "rotate") return { webhookSecret: await rotateWebhookSecret(deps, item) };
  await dropOldWebhookSecret(deps, name);
  return {};
}

function checkForge(deps: ProjectDeps, forge: ProjectBody["forge"], secret: ForgeSecret | undefined): void {
  const problem = forgeUrlProblem(new URL(forge.apiUrl), deps.forgeHosts);
  if (problem !== undefined) throw new DomainError("bad_request", `forge.apiUrl: ${problem} (BATON_FORGE_HOSTS)`);
  if (secret !== undefined && secret.kind !== forge.credentials)
    throw new DomainError(
      "bad_request",
      `the credentials are said to be "${forge.credentials}", and those given are "${secret.kind}"`,
    );
}

/** Kept credentials never go to another address than the one that they were given for, nor pass for another kind. */
function checkKeptSecret(seen: ProjectItem, forge: ProjectBody["forge"]): void {
  if (forge.credentials === "none") return;
  if (forge.credentials !== seen.forge.credentials)
    throw new DomainError("bad_request", `the credentials "${forge.credentials}" are missing`);
  if (forge.apiUrl !== seen.forge.apiUrl)
    throw new DomainError("bad_request", "another forge.apiUrl needs its credentials anew");
}

/** Runners get it, and send it where the clone URL leads. */
function checkCloneToken(forge: ProjectBody["forge"]): void {
  if (forge.credentials === "app")
    throw new DomainError("bad_request", "an App needs no clone token: it makes one for each checkout");
  if (forge.credentials === "none")
    throw new DomainError("bad_request", "a project without credentials has no clone token");
  if (!cloneUrlOf({ forge }).startsWith("https://"))
    throw new DomainError("bad_request", "a clone token needs a clone URL that begins with https://");
}

/** Whether there is a clone token after the change. One that stays goes to no other server than it was given for. */
function keepsCloneToken(seen: ProjectItem, forge: ProjectBody["forge"], given: string | null | undefined): boolean {
  if (typeof given === "string") {
    checkCloneToken(forge);
    return true;
  }
  if (given === null || !seen.hasCloneToken || forge.credentials !== "token") return false;
  checkCloneToken(forge);
  if (cloneOriginOf({ forge }) === cloneOriginOf(seen)) return true;
  throw new DomainError("bad_request", "a clone URL at another server needs its clone token anew");
}

/** As the forge's client reads them. */
async function keepForgeSecret(deps: ProjectDeps, item: ProjectItem, secret: ForgeSecret): Promise<void> {
  const { kind, ...app } = secret;
  const credential = kind === "token" ? secret.token : JSON.stringify(app);
  await keepSecret(deps, item, forgeSecretPath(item.name), bindSecret(item.forge.apiUrl, credential));
}

async function keepCloneToken(deps: ProjectDeps, item: ProjectItem, token: string): Promise<void> {
  await keepSecret(deps, item, cloneSecretPath(item.name), bindSecret(cloneOriginOf(item), token));
}

function projectItem(
  tenant: string,
  project: ProjectBody,
  facts: Omit<ProjectFacts, "name" | keyof ProjectBody>,
): ProjectItem {
  const { name, forge, forks, reports } = project;
  const base = { ...projectItemKey(tenant, name), v: ITEM_VERSION, tenant, family: "project" } as const;
  return { ...base, name, forge, forks, reports, ...facts };
}

export function toProjectView(item: ProjectItem): ProjectView {
  const { name, forge, forks, reports, hasCloneToken, createdAtMs, updatedAtMs } = item;
  return { name, forge, forks, reports, hasCloneToken, ...repositoryFactsOf(item), createdAtMs, updatedAtMs };
}

function detailsOf({ forge, forks, reports }: ProjectBody, cloneToken: string | null | undefined) {
  return {
    ...(cloneToken === undefined ? {} : { cloneToken: cloneToken === null ? "removed" : "given" }),
    repository: forge.repository,
    apiUrl: forge.apiUrl,
    credentials: forge.credentials,
    forks: forks.mode,
    forksPool: forks.pool,
    reports: reports.mode,
  };
}

function warningsOf(deps: ProjectDeps, { forge, forks, reports }: ProjectBody): string[] {
  const { pools } = deps.settings;
  return [
    ...(forks.mode !== "never" && !pools.includes(forks.pool)
      ? [`there is no pool ${forks.pool}: pull requests from forks fail until there is (there is: ${pools.join(", ")})`]
      : []),
    ...(forks.mode !== "never" && forks.pool !== POOL_FORKS
      ? [`runner tokens that are bound to no pool open the pool ${forks.pool} too; the pool ${POOL_FORKS} they do not`]
      : []),
    ...(forge.credentials === "none" && reports.mode !== "off"
      ? ["without credentials nothing is reported to the forge, and only public repositories can be read"]
      : []),
    ...(forge.credentials === "token" && reports.mode === "checks"
      ? ["check runs need a GitHub App: with a token choose reports.mode statuses"]
      : []),
  ];
}
