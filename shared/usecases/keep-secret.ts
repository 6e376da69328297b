import { DomainError } from "../domain/errors.ts";
import type { ProjectItem } from "../store/items.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

/**
 * Keeps a secret of a project, and looks whether that is still there: a removal that did not see the secret is seen here,
 * so that it is not left to the next project of that name. Throws `conflict`.
 */
export async function keepSecret(
  deps: Pick<ProjectDeps, "projects" | "secrets">,
  { tenant, name, createdAtMs }: ProjectItem,
  path: string,
  value: string,
): Promise<void> {
  await deps.secrets.put(path, value);
  const found = await deps.projects.getProject(tenant, name);
  if (found?.createdAtMs === createdAtMs) return;
  await deps.secrets.remove(path);
  throw new DomainError("conflict", `project ${name} was removed meanwhile`);
}
