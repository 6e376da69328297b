import type { Offer } from "../shared/protocol/leases.ts";

/** Jobs remembered; the oldest is forgotten first, and a claim then tells. */
const JOBS_MAX = 10_000;

/**
 * The highest fence that this runner was granted, by job. An offer below it is a duplicate whose durable answer we have
 * had: it is deleted without a call. It must also never be claimed again, since the same claim id would get the same
 * grant, and the attempt would run twice.
 */
export interface KnownFences {
  isSpent(offer: Offer): boolean;
  remember(offer: Offer, fence: number): void;
}

export function makeKnownFences(): KnownFences {
  const fences = new Map<string, number>();
  return {
    isSpent: (offer) => offer.fence < (fences.get(keyOf(offer)) ?? 0),
    remember(offer, fence) {
      const key = keyOf(offer);
      fences.delete(key);
      fences.set(key, fence);
      for (const oldest of fences.keys()) {
        if (fences.size <= JOBS_MAX) break;
        fences.delete(oldest);
      }
    },
  };
}

function keyOf({ tenant, runId, jobId }: Offer): string {
  return `${tenant}/${runId}/${jobId}`;
}
