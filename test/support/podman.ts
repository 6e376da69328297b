import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** A real container engine, with a storage of the test's own: what `runner/container/test.sh` made. */
export type Podman = (...args: string[]) => Promise<string>;

const run = promisify(execFile);

/** Rejects with what podman said where it ends with anything but 0. */
export function podmanAt(storage: string): Podman {
  const own = ["--root", join(storage, "storage"), "--runroot", join(storage, "run")];
  return async (...args) => (await run("podman", [...own, ...args])).stdout.trim();
}
