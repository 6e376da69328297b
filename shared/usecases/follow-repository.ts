import type { AuditActor } from "../protocol/audit.ts";
import type { ProjectItem } from "../store/items.ts";
import { recordAudit } from "./audit.ts";
import { isNamed, isSameRepository, renamed } from "./repository-identity.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

const ACTOR: AuditActor = { kind: "forge", id: "github", name: "github" };

/**
 * The project as its repository is named now. The forge's id decides which one that is: it is learned where it is not known yet,
 * and a name that leads to it no more is followed, with an entry in the audit. Throws `ForgeError`, also where the forge has
 * the repository no more, whatever has its name.
 */
export async function followRepository(deps: TriggerDeps, project: ProjectItem): Promise<ProjectItem> {
  const now = await deps.forge.readRepository(project);
  return keepIdentity(deps, project, now);
}

/** What an event tells of the project's own repository: its id, where that is not known yet. */
export async function keepIdentity(
  deps: TriggerDeps,
  project: ProjectItem,
  now: { readonly id: string; readonly name: string },
): Promise<ProjectItem> {
  const isRenamed = !isNamed(project, now.name);
  if (project.repositoryId === now.id && !isRenamed) return project;
  // Greater than the one seen, also within one millisecond: it is what the next change compares.
  const updatedAtMs = Math.max(deps.clock.nowMs(), project.updatedAtMs + 1);
  const facts = { repositoryId: now.id, updatedAtMs };
  const item: ProjectItem = { ...project, ...facts, ...(isRenamed ? renamed(project, now.name) : {}) };
  if (isRenamed) {
    const details = { repository: now.name, formerRepository: project.forge.repository, repositoryId: now.id };
    await recordAudit(deps, { action: "project.change", actor: ACTOR, subject: project.name, details });
  }
  if ((await deps.projects.changeProject(item, project)) === "changed") {
    const other = await deps.projects.getProject(project.tenant, project.name);
    // Somebody's change came first. Where it is about something else, this one is written down the next time.
    return other !== undefined && !isSameRepository(other, project.forge) ? other : item;
  }
  const about = { project: project.name, repository: now.name, id: now.id };
  deps.log.info(
    isRenamed ? "the repository has another name, which is followed" : "the repository's id is known now",
    about,
  );
  return item;
}
