import type { ProjectItem } from "../store/items.ts";
import type { HeadsRef } from "../store/keys.ts";
import type { SweepStore } from "../store/sweep-store.ts";
import { firstNameOf } from "./repository-identity.ts";
import { digest } from "./specs.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

/** What comparing projects with their forges, and firing schedules, needs. */
export interface SweepDeps extends TriggerDeps {
  readonly sweeps: SweepStore;
}

/** True where so little time is left that nothing more may begin. */
export type IsOver = () => boolean;

/** What the parts of one comparison share. */
export interface Comparing {
  readonly isOver: IsOver;
  /** Throws a `ForgeError` where what was listed is not of the project's repository. */
  readonly verify: () => Promise<void>;
}

const IDENTITY_LENGTH = 16;

/** Where sweep keeps what it knows of a project. A project that was made anew, or has another repository, begins anew; one that is renamed does not. */
export function headsRefOf(project: ProjectItem): HeadsRef {
  const { tenant, name, createdAtMs, forge } = project;
  const about = [createdAtMs, forge.apiUrl, firstNameOf(project)];
  return { tenant, project: name, identity: digest(JSON.stringify(about)).slice(0, IDENTITY_LENGTH) };
}
