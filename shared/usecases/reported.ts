import type { ProjectItem } from "../store/items.ts";
import type { Stop } from "./drive-outbox.ts";
import type { ReportDeps } from "./report-deps.ts";

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

function unreportedReason({ reports, forge }: ProjectItem): string | undefined {
  if (reports.mode === "off") return "the project's reports are off";
  return forge.credentials === "none" ? "the project has no credentials for its forge" : undefined;
}
