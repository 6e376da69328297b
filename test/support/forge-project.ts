import type { ProjectBody } from "../../shared/protocol/projects.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { projectItemKey } from "../../shared/store/keys.ts";
import { ITEM_VERSION } from "../../shared/store/migrate.ts";

/** A project whose repository lives in a recording forge. */
export function forgeProject(
  apiUrl: string,
  changes: Partial<Omit<ProjectBody, "forge">> & { readonly forge?: Partial<ProjectBody["forge"]> } = {},
): ProjectItem {
  const { forge, ...rest } = changes;
  const name = rest.name ?? "widgets";
  return {
    ...projectItemKey("main", name),
    v: ITEM_VERSION,
    tenant: "main",
    family: "project",
    name,
    forks: { mode: "approve", pool: "forks" },
    reports: { mode: "checks", comment: false },
    ...rest,
    forge: { kind: "github", repository: "acme/widgets", apiUrl, credentials: "token", ...forge },
    hasCloneToken: false,
    createdAtMs: 0,
    updatedAtMs: 0,
  };
}
