import type { ProjectItem } from "../store/items.ts";
import type { StatusRef } from "../store/keys.ts";
import type { Stop } from "./drive-outbox.ts";
import type { ReportDeps } from "./report-deps.ts";
import { firstNameOf } from "./repository-identity.ts";

/** The project, or why a forge is shown nothing of its runs. */
export async function reportedProject(
  deps: Pick<ReportDeps, "projects">,
  tenant: string,
  name: string,
): Promise<ProjectItem | Stop> {
  const project = await deps.projects.getProject(tenant, name);
  if (project === undefined) return { stop: "the project was removed" };
  const stop = unreportedReason(project);
  return stop === undefined ? project : { stop };
}

/** Whether a run of this project has an outbox. */
export const isReported = (project: ProjectItem): boolean => unreportedReason(project) === undefined;

/** Check runs are an App's alone. */
export const surfaceOf = ({ forge, reports }: Pick<ProjectItem, "forge" | "reports">): StatusRef["surface"] =>
  forge.credentials === "app" && reports.mode === "checks" ? "checks" : "statuses";

/** Where a name at a commit is shown: two projects of one repository share it. Repositories have one name in any case. */
export function statusRefOf(project: ProjectItem, sha: string, name: string): StatusRef {
  const where = `${project.forge.apiUrl.replace(/\/+$/, "")}/${firstNameOf(project)}`
    .toLowerCase()
    .replaceAll("#", "%23");
  return { tenant: project.tenant, surface: surfaceOf(project), repository: where, sha, name };
}

function unreportedReason({ reports, forge }: ProjectItem): string | undefined {
  if (reports.mode === "off") return "the project's reports are off";
  return forge.credentials === "none" ? "the project has no credentials for its forge" : undefined;
}
