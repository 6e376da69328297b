import type { ProjectStore } from "../store/project-store.ts";
import type { SecretStore } from "../store/secret-store.ts";
import type { Deps } from "./deps.ts";
import type { Forge } from "./forge.ts";

/** What concerns projects needs these beside the rest. A run of no project never touches them. */
export interface ProjectDeps extends Deps {
  readonly projects: ProjectStore;
  /** Of this tenant. */
  readonly secrets: SecretStore;
  /** Hosts of forges that this control plane may call: `host`, or `host:port`. */
  readonly forgeHosts: readonly string[];
}

export interface TriggerDeps extends ProjectDeps {
  readonly forge: Forge;
}
