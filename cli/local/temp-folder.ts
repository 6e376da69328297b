import { access, constants, mkdtemp, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../shared/lib/clock.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { keepOwned, ownFolder, removeDeadFolders, removeOwned, removeOwnedNow } from "../../shared/lib/owned-folder.ts";
import { type PinnedFolder, pinFolder } from "../../shared/lib/pinned-folder.ts";
import { describeLeft } from "../../shared/lib/remove-tree.ts";
import { CommandError } from "../command-error.ts";
import { roomForSockets } from "./short-temporary.ts";

/** A command's own folder for all that lives no longer than itself. */
export interface TempFolder {
  readonly path: string;
  /** Returns what is left and why, in a line; undefined where nothing is. */
  remove(signal?: AbortSignal): Promise<string | undefined>;
  /** The same for a process that ends now. */
  removeNow(): void;
  /** It stays, and is nobody's. */
  keep(): Promise<void>;
}

const PREFIX = "baton-run-";
/** As mkdtemp(3) names them. Folders of an earlier Baton, with more dashes, have no lock, and are left alone. */
const NAME = /^baton-run-[A-Za-z0-9]{6}$/;
/** A verdict is told by now: nobody should wait long for the disk. */
const REMOVE_MS = 30_000;
const REMOVE_NOW_MS = 3_000;
/** Out of the way of this command's own start. */
const TIDY_DELAY_MS = 1_000;

/**
 * Makes a temporary folder, private to the user (0700) and locked by this process. Folders whose process is gone (killed
 * before it could clean up) are removed meanwhile.
 */
export async function makeTempFolder(clock: Clock): Promise<TempFolder> {
  const parent = await roomForSockets(await usable(tmpdir()));
  try {
    const above = pinFolder(parent, true);
    const path = await mkdtemp(join(parent, PREFIX));
    return openTempFolder(path, above, removeLeftovers(parent, above, clock));
  } catch (cause) {
    throw refusal(parent, fileTrouble(cause), cause);
  }
}

/** Throws where TMPDIR names no folder that may be written. */
async function usable(named: string): Promise<string> {
  try {
    const parent = await realpath(named);
    if (!(await stat(parent)).isDirectory()) throw refusal(named, "it is a file");
    await access(parent, constants.R_OK | constants.W_OK | constants.X_OK);
    return parent;
  } catch (cause) {
    throw cause instanceof CommandError ? cause : refusal(named, fileTrouble(cause), cause);
  }
}

function refusal(parent: string, why: string, cause?: unknown): CommandError {
  return new CommandError(`cannot make a folder in ${parent}: ${why}; TMPDIR names another place`, { cause });
}

function openTempFolder(path: string, above: PinnedFolder, tidying: Tidying): TempFolder {
  const lock = ownFolder(path);
  return {
    path,
    async remove(signal) {
      await tidying.stop();
      return describeLeft(
        await removeOwned(path, { above, withinMs: REMOVE_MS, ...(signal === undefined ? {} : { signal }) }),
      );
    },
    removeNow: () => void removeOwnedNow(path, { above, withinMs: REMOVE_NOW_MS }),
    async keep() {
      await tidying.stop();
      await keepOwned(path, lock);
    },
  };
}

interface Tidying {
  stop(): Promise<void>;
}

/** What cannot be removed wastes space and hurts no run; whoever left it has said so. */
function removeLeftovers(parent: string, above: PinnedFolder, clock: Clock): Tidying {
  const over = new AbortController();
  const { signal } = over;
  const tidying = wait(TIDY_DELAY_MS, undefined, { signal, ref: false }).then(
    () => removeDeadFolders({ parent, above, isOne: (name) => NAME.test(name), clock, signal }),
    () => undefined,
  );
  // A folder that cannot be listed has nothing of ours to remove.
  const settled = tidying.then(
    () => undefined,
    () => undefined,
  );
  return {
    async stop() {
      over.abort();
      await settled;
    },
  };
}
