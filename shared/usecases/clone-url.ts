import type { ProjectItem } from "../store/items.ts";

/** What runners clone: as the project says, else what GitHub, or a GitHub Enterprise server (`…/api/v3`), would answer. */
export function cloneUrlOf({ forge }: Pick<ProjectItem, "forge">): string {
  if (forge.cloneUrl !== undefined) return forge.cloneUrl;
  const api = new URL(forge.apiUrl);
  const host = api.host === "api.github.com" ? "github.com" : api.host;
  return `${api.protocol}//${host}/${forge.repository}.git`;
}

/** The server that a clone token is for. */
export const cloneOriginOf = (project: Pick<ProjectItem, "forge">): string => new URL(cloneUrlOf(project)).origin;
