import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ArchiveError } from "./archive-error.ts";
import { UNPACK_LIMITS, type UnpackLimits } from "./archive-limits.ts";
import { removeWholeTree } from "./remove-tree.ts";
import { runInThread, ThreadError } from "./run-in-thread.ts";
import type { Unpacking } from "./unpack/unpack.ts";

/**
 * Unpacks a gzip tar into a folder, over what is there (SECURITY 31). All of it is first unpacked beside its place and
 * checked, and only then moved in: a bad archive changes nothing. Absolute paths, `..`, `.git`, links that lead out,
 * hard links, devices, doubled names, bombs, and writing through a symbolic link are refused; of the mode only
 * "executable" is kept, and of a name every byte. Throws ArchiveError; of a file system that refuses, ThreadError.
 */
export async function unpackArchive(options: {
  readonly file: string;
  readonly into: string;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<UnpackLimits>;
}): Promise<void> {
  const { file, into, signal } = options;
  await mkdir(into, { recursive: true });
  const beside = join(into, `.baton-unpack-${randomBytes(8).toString("hex")}`);
  const unpacking: Unpacking = { file, into, beside, limits: { ...UNPACK_LIMITS, ...options.limits } };
  try {
    await runInThread<void>(new URL("./unpack/main.ts", import.meta.url), unpacking, signal);
  } catch (cause) {
    if (cause instanceof ThreadError && cause.thrown === "ArchiveError")
      throw new ArchiveError(cause.message, { cause });
    throw cause;
  } finally {
    await removeWholeTree(beside);
  }
}
