import type { ProjectStore } from "../store/project-store.ts";
import type { DeliveryHint } from "../store/queues.ts";
import type { SecretStore } from "../store/secret-store.ts";
import type { TriggerStore } from "../store/trigger-store.ts";
import type { AuditDeps } from "./audit.ts";
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

/** What receiving a webhook needs: it asks no forge, and so is small. */
export interface DeliveryDeps extends ProjectDeps {
  readonly triggers: TriggerStore;
  /** Asks the plan function to decide a delivery, now or after `delayMs`: a hint, which sweep sends again where it was lost. */
  readonly sendDelivery: (hint: DeliveryHint, delayMs?: number) => Promise<void>;
}

/** What deciding over events of a forge needs. */
export interface TriggerDeps extends DeliveryDeps, AuditDeps {
  readonly forge: Forge;
}
