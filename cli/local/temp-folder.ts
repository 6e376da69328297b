import { access, constants, mkdtemp, readdir, readFile, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import { CommandError } from "../command-error.ts";
import { roomForSockets } from "./short-temporary.ts";

/** A command's own folder for all that lives no longer than itself. */
export interface TempFolder {
  readonly path: string;
  remove(): Promise<void>;
}

const PREFIX = "baton-run-";

/**
 * Makes a temporary folder, private to the user (0700), named for this process: `baton-run-<pid>-<start>-<random>`.
 * Folders whose process is gone (killed before it could clean up) are removed on the way.
 */
export async function makeTempFolder(): Promise<TempFolder> {
  const parent = await roomForSockets(await usable(tmpdir()));
  await removeLeftovers(parent);
  const name = `${PREFIX}${process.pid}-${await startOf(process.pid)}-`;
  const path = await mkdtemp(join(parent, name)).catch((cause: unknown) => {
    throw new CommandError(`cannot make a folder in ${parent}: ${fileTrouble(cause)}; TMPDIR names another place`, {
      cause,
    });
  });
  return { path, remove: () => removeTree(path) };
}

/** Throws where TMPDIR names no folder that may be written. */
async function usable(named: string): Promise<string> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new CommandError(`cannot make a folder in ${named}: ${why}; TMPDIR names another place`, { cause });
  };
  const parent = await realpath(named).catch((cause: unknown) => refuse(fileTrouble(cause), cause));
  if (!(await stat(parent)).isDirectory()) refuse("it is a file");
  await access(parent, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: unknown) =>
    refuse(fileTrouble(cause), cause),
  );
  return parent;
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid, start] = /^baton-run-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || start === undefined || (await startOf(Number(pid))) === start) continue;
    // What cannot be removed, being another user's, say, wastes space and hurts no run.
    await removeTree(join(parent, name)).catch(() => undefined);
  }
}

/** When a process started, in clock ticks since boot: with its pid, an identity. "0" where it is gone or unknown. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "0";
    throw error;
  }
}
