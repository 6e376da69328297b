import type { ToldRepository } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";

/** Which repository a project is of: the forge's id says, whatever its name is. Names are the same in any case. */

type Named = Pick<ProjectItem, "forge" | "repositoryId" | "formerRepositories">;

/** Names of before that are remembered. */
const FORMER_NAMES_MAX = 8;

export const isNamed = ({ forge }: Pick<ProjectItem, "forge">, name: string): boolean =>
  forge.repository.toLowerCase() === name.toLowerCase();

/** Whether settings are of the repository that the project has now: then what is known of it still holds. */
export const isSameRepository = (project: ProjectItem, { apiUrl, repository }: ProjectItem["forge"]): boolean =>
  apiUrl === project.forge.apiUrl && isNamed(project, repository);

export const repositoryFactsOf = ({
  repositoryId,
  formerRepositories,
}: Named): Pick<ProjectItem, "repositoryId" | "formerRepositories"> => ({
  ...(repositoryId === undefined ? {} : { repositoryId }),
  ...(formerRepositories === undefined ? {} : { formerRepositories }),
});

/** Why an event is not the project's. */
export function otherReason(project: Named, { id, name }: ToldRepository): string {
  const { forge, repositoryId } = project;
  const isById = id !== undefined && repositoryId !== undefined;
  const other = isById && isNamed(project, name) ? `${name} with the id ${id}` : name;
  return `it is of ${other}, and this project is of ${forge.repository}${isById ? `, whose id is ${repositoryId}` : ""}`;
}

/** The name that it had when it was first seen: what is kept by it stays where it is when the repository is renamed. */
export const firstNameOf = ({ forge, formerRepositories = [] }: Named): string =>
  formerRepositories[0] ?? forge.repository;

/** The project under the repository's new name. */
export function renamed(project: ProjectItem, name: string): Pick<ProjectItem, "forge" | "formerRepositories"> {
  const { forge, formerRepositories = [] } = project;
  const others = [...formerRepositories.slice(1), forge.repository].filter((one) => one !== name);
  const [first = forge.repository] = formerRepositories;
  const former = [first, ...new Set(others.filter((one) => one !== first))];
  const kept = former.length > FORMER_NAMES_MAX ? [first, ...former.slice(1 - FORMER_NAMES_MAX)] : former;
  return { forge: { ...forge, repository: name }, formerRepositories: kept };
}
