import type { Attempt } from "./attempt-state.ts";

export const FILLED_DISK = "the disk is full, and the job's own folders hold most of what was free when it began";

/** Whether it was this attempt's own steps: another host would fare no better with them. */
export async function hasFilledDisk({
  deps,
  execution,
  freeRoom,
}: Pick<Attempt, "deps" | "execution" | "freeRoom">): Promise<boolean> {
  const before = freeRoom.before;
  return before !== undefined && (await deps.io.hasFilledDisk(execution.folders, before));
}
