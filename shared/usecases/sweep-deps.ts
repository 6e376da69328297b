import type { ProjectItem } from "../store/items.ts";
import type { HeadsRef } from "../store/keys.ts";
import type { SweepStore } from "../store/sweep-store.ts";
import { digest } from "./specs.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

/** What comparing projects with their forges, and firing schedules, needs. */
export interface SweepDeps extends TriggerDeps {
  readonly sweeps: SweepStore;
}

/** True where so little time is left that nothing more may begin. */
export type IsOver = () => boolean;

const IDENTITY_LENGTH = 16;

/** Where sweep keeps what it knows of a project. A project that was made anew, or has another repository, begins anew. */
export function headsRefOf({ tenant, name, createdAtMs, forge }: ProjectItem): HeadsRef {
  const identity = digest(JSON.stringify([createdAtMs, forge.apiUrl, forge.repository])).slice(0, IDENTITY_LENGTH);
  return { tenant, project: name, identity };
}
