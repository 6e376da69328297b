import { execFile } from "node:child_process";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Node cannot make a FIFO, mkfifo(1) can: many at a time, and before they are needed. */
const BATCH = 16;
const LOW_WATER = 4;

/** Hands out FIFOs that nobody has used: what an escaped process of an old attempt still holds never carries another's output. */
export interface FifoSupply {
  /** Path of a fresh FIFO (0600) in the folder. The taker unlinks it. */
  take(): Promise<string>;
}

export function makeFifoSupply(folder: string): FifoSupply {
  const ready: string[] = [];
  let made = 0;
  let making: Promise<void> | undefined;

  async function makeMore(): Promise<void> {
    const paths = Array.from({ length: BATCH }, (_, at) => join(folder, `output-${made + at}`));
    made += BATCH;
    await run("mkfifo", ["-m", "600", ...paths]);
    ready.push(...paths);
  }

  function refill(): Promise<void> {
    making ??= makeMore().finally(() => {
      making = undefined;
    });
    return making;
  }

  // Warm before the first attempt; if it fails, the attempt that needs it asks again and is told.
  refill().catch(() => undefined);
  return {
    async take() {
      for (;;) {
        const path = ready.pop();
        if (ready.length < LOW_WATER) {
          const more = refill();
          if (path === undefined) await more;
          else more.catch(() => undefined);
        }
        if (path !== undefined && isFifo(path)) return path;
      }
    },
  };
}

/** Without a sandbox a step may have removed it: the next attempt is not to pay for that. */
const isFifo = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
