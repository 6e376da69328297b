import type { ProjectItem } from "../store/items.ts";

/** Why a forge is shown nothing of this project's runs; undefined where it is shown them. */
export function unreportedReason(project: ProjectItem | undefined): string | undefined {
  if (project === undefined) return "the project was removed";
  if (project.reports.mode === "off") return "the project's reports are off";
  return project.forge.credentials === "none" ? "the project has no credentials for its forge" : undefined;
}

/** Whether a run of this project has an outbox. */
export const isReported = (project: ProjectItem): boolean => unreportedReason(project) === undefined;
