import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** How long a job waits for the place of the job whose artifacts it takes, which has just ended. */
const PLACE_WAIT_MAX_MS = 5_000;
const LOOK_MS = 5;
/** Jobs whose place is remembered. */
const KNOWN_MAX = 4_096;

/** A job of a run, `<run>/<job>`, and those whose artifacts it takes. */
export interface PlaceOf {
  readonly job: string;
  readonly from: readonly string[];
}

export interface SlotFolder {
  readonly path: string;
  /** Jobs whose artifacts were made at another path: absolute paths in them lead elsewhere. */
  readonly movedFrom: readonly string[];
  /** Ready for the next attempt once its folder is gone; never again where it is not. */
  giveBack(isGone: boolean): void;
}

/**
 * The folders of a runner's slots: each attempt has one alone, and the next in that slot finds it at the same path. A
 * job goes where the job was whose artifacts it takes, as far as that place is free.
 */
export interface SlotFolders {
  take(place: PlaceOf): Promise<SlotFolder>;
}

export function makeSlotFolders(root: string): SlotFolders {
  /** By number: who is there. Retired numbers stay. */
  const taken = new Map<number, string>();
  const known = new Map<string, number>();

  function lowestFree(): number {
    let number = 1;
    while (taken.has(number)) number += 1;
    return number;
  }

  /** The place of the first of them that is known. Waits for one that only has to clear up. */
  async function preferred(from: readonly string[]): Promise<number | undefined> {
    const source = from.find((job) => known.has(job));
    const number = source === undefined ? undefined : known.get(source);
    if (number === undefined) return undefined;
    for (let waitedMs = 0; taken.get(number) === source && waitedMs < PLACE_WAIT_MAX_MS; waitedMs += LOOK_MS)
      await wait(LOOK_MS);
    return taken.has(number) ? undefined : number;
  }

  return {
    async take({ job, from }) {
      const number = (await preferred(from)) ?? lowestFree();
      taken.set(number, job);
      remember(known, job, number);
      return {
        path: join(root, String(number)),
        movedFrom: from.filter((source) => known.has(source) && known.get(source) !== number),
        giveBack(isGone) {
          if (isGone) taken.delete(number);
          else taken.set(number, "retired");
        },
      };
    },
  };
}

function remember(known: Map<string, number>, job: string, number: number): void {
  known.delete(job);
  known.set(job, number);
  for (const [oldest] of known) {
    if (known.size <= KNOWN_MAX) return;
    known.delete(oldest);
  }
}
