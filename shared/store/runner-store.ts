import type { RunnerItem } from "./runner-item.ts";

/** Who has opened a session. Implemented on DynamoDB (`dynamo-runner-store.ts`). */
export interface RunnerStore {
  /** One write; the newest sighting of a process takes the place of the one before. */
  seen(item: RunnerItem): Promise<void>;
  /** Sightings that have not expired from the table, in the order of their names; `cut` where there are more. */
  list(tenant: string, limit: number): Promise<{ readonly runners: RunnerItem[]; readonly cut: boolean }>;
}
