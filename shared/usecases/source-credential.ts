import { DomainError } from "../domain/errors.ts";
import type { CallReply } from "../protocol/client.ts";
import type { LeaseGranted } from "../protocol/leases.ts";
import type { Source } from "../protocol/runs.ts";
import type { RunTrigger } from "../protocol/triggers.ts";
import type { JobItem, ProjectItem } from "../store/items.ts";
import { type AuditDeps, onceId, recordAudit } from "./audit.ts";
import { unbindSecret } from "./bound-secret.ts";
import { cloneOriginOf, cloneUrlOf } from "./clone-url.ts";
import { type Forge, ForgeError } from "./forge.ts";
import type { LeaseClaims } from "./lease-token.ts";
import { held } from "./renew-lease.ts";
import { cloneSecretPath } from "./secret-paths.ts";
import { loadSpec } from "./specs.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

/**
 * What a runner fetches a private repository with: a token that an App makes for this one repository, to read it, or the
 * clone token that an operator gave. Never the credentials that Baton itself shows the forge.
 */

type Deps = ProjectDeps & AuditDeps & { readonly forge: Pick<Forge, "readToken"> };

/** What GitHub takes for a user with any token: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation */
const TOKEN_USER = "x-access-token";

/** The grant, which says so where there may be a credential for its source. A run whose source is not fetched over HTTPS costs no look at its project. */
export async function offerSourceCredential(
  deps: Pick<ProjectDeps, "projects" | "settings">,
  granted: LeaseGranted,
): Promise<LeaseGranted> {
  if (!mayHave(granted.source, granted.secretsWithheld === "fork")) return granted;
  const project = await deps.projects.getProject(deps.settings.tenant, granted.project);
  return giverOf(project, granted.source) === undefined ? granted : { ...granted, sourceCredential: true };
}

/**
 * The credential for the source of the attempt's own run, while its lease lives: only where that is its project's own
 * clone URL, and never for a run that a fork's pull request started (SECURITY 19). Written to the audit before it is
 * given. Throws `stale_lease`, and `not_ready` where the forge may answer later; what it refuses for good is told, since a
 * public repository needs none.
 */
export async function readSourceCredential(deps: Deps, claims: LeaseClaims): Promise<CallReply<"source">> {
  const [seen, cold] = await Promise.all([deps.store.getJob(claims), loadSpec(deps, claims)]);
  const job = held(deps, seen, claims, deps.clock.nowMs());
  if (!mayHave(cold.source, isFork(cold.trigger))) return {};
  const project = await deps.projects.getProject(claims.tenant, cold.project);
  const giver = giverOf(project, cold.source);
  if (project === undefined || giver === undefined) return {};
  try {
    const password = giver === "app" ? await readAppToken(deps, project) : await readCloneToken(deps, project);
    if (password === undefined) return {};
    await recordUse(deps, job, giver);
    return { credential: { username: TOKEN_USER, password } };
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    deps.log.warn("no credential for a source", { project: project.name, error: error.message });
    if (error.retry) throw new DomainError("not_ready", error.message, undefined, { cause: error });
    return { problem: error.message };
  }
}

const isFork = (trigger: RunTrigger | undefined) => trigger?.fork === true;

/** A credential is never sent in the clear. */
const mayHave = (source: Source | undefined, fork: boolean) => !fork && source?.url.startsWith("https://") === true;

/** Who gives the credential for a source; undefined where nobody does. */
function giverOf(project: ProjectItem | undefined, source: Source | undefined): "app" | "clone_token" | undefined {
  if (project === undefined || source === undefined || !isOwn(project, source.url)) return undefined;
  if (project.forge.credentials === "app") return isAtForge(project) ? "app" : undefined;
  return project.forge.credentials === "token" && project.hasCloneToken ? "clone_token" : undefined;
}

/** To the letter, or by a name that its repository had when the run was made. */
const isOwn = (project: ProjectItem, url: string): boolean =>
  [project.forge.repository, ...(project.formerRepositories ?? [])].some(
    (repository) => url === cloneUrlOf({ forge: { ...project.forge, repository } }),
  );

/** What the forge makes is good at the forge, and is shown to nobody else: a mirror is cloned with no token of the App. */
function isAtForge(project: ProjectItem): boolean {
  const api = new URL(project.forge.apiUrl).hostname;
  const clone = new URL(cloneUrlOf(project)).hostname;
  return clone === api || api === `api.${clone}`;
}

async function readAppToken(deps: Deps, project: ProjectItem): Promise<string | undefined> {
  return (await deps.forge.readToken(project))?.token;
}

async function readCloneToken(deps: Deps, project: ProjectItem): Promise<string | undefined> {
  const found = await deps.secrets.read(cloneSecretPath(project.name));
  if (found === undefined) return undefined;
  const token = unbindSecret(found, cloneOriginOf(project));
  if (token !== undefined) return token;
  throw new ForgeError(`the clone token of project ${project.name} was given for another server: give it again`, {
    retry: false,
  });
}

async function recordUse(deps: Deps, { lease, fence, jobId, runId, project }: JobItem, by: string): Promise<void> {
  const actor = { kind: "runner", id: lease?.runnerId ?? "", name: lease?.runnerName ?? "" } as const;
  const id = onceId(lease?.grantedAtMs ?? deps.clock.nowMs(), "source.use", runId, jobId, fence, by);
  const details = { project, job: jobId, fence, by };
  await recordAudit(deps, { action: "source.use", actor, subject: runId, details, id });
  deps.log.info("a credential for the source was given", { by });
}
