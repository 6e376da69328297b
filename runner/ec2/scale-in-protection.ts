import { backoffMs } from "../../shared/lib/retry.ts";
import { aborted, wait } from "../wait.ts";

const RETRY_POLICY = { triesMax: Number.POSITIVE_INFINITY, baseMs: 1_000, capMs: 60_000 } as const;
/** An instance stays protected so long after its last job: one job after the other is not two calls each. */
const LINGER_MS = 10_000;
/** How long the runner's end waits for the last word. */
const CLOSE_MAX_MS = 5_000;

/** Keeps this instance while a lease is held: the group scales in among the others. */
export interface ScaleInProtection {
  want(isProtected: boolean): void;
  /** Ends it: an idle instance is left unprotected. */
  close(): Promise<void>;
}

/** `set`: tells the group. Tried on while it fails and is still wanted; `onTrouble` hears of each failure. */
export function makeScaleInProtection(deps: {
  readonly set: (isProtected: boolean) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}): ScaleInProtection {
  let wanted = false;
  let told = false;
  let changed = new AbortController();
  const closing = new AbortController();
  const done = keepTelling();

  async function keepTelling(): Promise<void> {
    for (;;) {
      if (wanted === told) {
        if (closing.signal.aborted) return;
        await aborted(AbortSignal.any([changed.signal, closing.signal]));
        continue;
      }
      if (!wanted) await wait(LINGER_MS, AbortSignal.any([changed.signal, closing.signal]));
      if (wanted !== told) await tellUntilHeard();
    }
  }

  async function tellUntilHeard(): Promise<void> {
    for (let attempt = 1; wanted !== told; attempt += 1) {
      const telling = wanted;
      try {
        await deps.set(telling);
        told = telling;
      } catch (error) {
        deps.onTrouble(error);
        await wait(backoffMs(RETRY_POLICY, attempt), AbortSignal.any([changed.signal, closing.signal]));
        // Nobody waits for an instance that is ending.
        if (closing.signal.aborted) told = wanted;
      }
    }
  }

  return {
    want(isProtected) {
      wanted = isProtected;
      const before = changed;
      changed = new AbortController();
      before.abort();
    },
    async close() {
      wanted = false;
      closing.abort();
      await Promise.race([done, wait(CLOSE_MAX_MS)]);
    },
  };
}
