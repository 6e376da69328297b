import type { Key } from "./keys.ts";
import type { RunnerItem } from "./runner-item.ts";

/** Who has opened a session. Implemented on DynamoDB (`dynamo-runner-store.ts`). */
export interface RunnerStore {
  /** One write over the sighting before, of whichever process of its name and pools. One that has left, or that another took the place of, is not seen any more. */
  seen(item: RunnerItem): Promise<void>;
  /** A process goes. Changes nothing where its newest session is another one. */
  left(key: Key, session: { readonly runnerId: string; readonly nowMs: number }): Promise<void>;
  /** Sightings that have not expired from the table, in the order of their names; `cut` where there are more. */
  list(tenant: string, limit: number): Promise<{ readonly runners: RunnerItem[]; readonly cut: boolean }>;
}
