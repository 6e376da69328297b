import type { ProjectItem } from "./items.ts";

/** The projects of a tenant. Implemented on DynamoDB (`dynamo-project-store.ts`). Reads are strongly consistent. */
export interface ProjectStore {
  /** Undefined where there is none, or it was removed. */
  getProject(tenant: string, name: string): Promise<ProjectItem | undefined>;
  /** All of them, by name: at most `PROJECTS_MAX`. */
  listProjects(tenant: string): Promise<ProjectItem[]>;
  addProject(item: ProjectItem): Promise<"added" | "exists" | "full">;
  /** Replaces the item where it is still the one of `seen`; `changed` where another change came first. */
  changeProject(item: ProjectItem, seen: Pick<ProjectItem, "updatedAtMs">): Promise<"done" | "changed">;
  /** Leaves a mark that the database expires: nothing may delete items. False where there was none. */
  removeProject(tenant: string, name: string, nowMs: number): Promise<boolean>;
}
