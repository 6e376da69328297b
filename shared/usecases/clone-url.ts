import type { ProjectItem } from "../store/items.ts";

/** What runners clone: as the project says, else what GitHub, or a GitHub Enterprise server (`…/api/v3`), would answer. */
export function cloneUrlOf({ forge }: Pick<ProjectItem, "forge">): string {
  if (forge.cloneUrl !== undefined) return forge.cloneUrl;
  const api = new URL(forge.apiUrl);
  const host = api.host === "api.github.com" ? "github.com" : api.host;
  return `${api.protocol}//${host}/${forge.repository}.git`;
}

/** Whether a run's source is the project's own repository, also by a name that it had when the run was made. */
export function isCloneUrlOf(project: Pick<ProjectItem, "forge" | "formerRepositories">, url: string): boolean {
  const { forge, formerRepositories = [] } = project;
  const names = [forge.repository, ...formerRepositories];
  return names.some((repository) => plain(cloneUrlOf({ forge: { ...forge, repository } })) === plain(url));
}
const plain = (url: string): string =>
  url
    .replace(/\.git$/, "")
    .replace(/\/$/, "")
    .toLowerCase();

/** The server that a clone token is for. */
export const cloneOriginOf = (project: Pick<ProjectItem, "forge">): string => new URL(cloneUrlOf(project)).origin;
