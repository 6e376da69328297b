import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeFile, removeTree } from "../../shared/lib/remove-tree.ts";

/** Where compressed chunks wait for their upload: bounded in memory and on disk. */
export interface Spool {
  /** Why the object could not be kept, or undefined where it is. */
  keep(seq: number, object: Buffer): Promise<string | undefined>;
  /** Throws where the folder was tampered with. */
  read(seq: number): Promise<Buffer>;
  drop(seq: number): Promise<void>;
  /** Removes the folder. */
  clear(): Promise<void>;
}

/** The folder `dir` is the spool's own; it exists only while something is in it that memory has no room for. */
export function makeSpool(options: {
  readonly dir: string;
  readonly memoryBytesMax: number;
  readonly bytesMax: number;
}): Spool {
  const inMemory = new Map<number, Buffer>();
  const inFiles = new Map<number, number>();
  let memoryBytes = 0;
  let fileBytes = 0;
  const fileOf = (seq: number) => join(options.dir, `${String(seq).padStart(8, "0")}.gz`);

  const keepInFile = async (seq: number, object: Buffer): Promise<string | undefined> => {
    if (fileBytes + object.length > options.bytesMax) return `the spool is full (${options.bytesMax} bytes)`;
    try {
      await mkdir(options.dir, { recursive: true, mode: 0o700 });
      await writeFile(fileOf(seq), object, { mode: 0o600 });
    } catch (error) {
      await removeFile(fileOf(seq));
      return `cannot write the spool: ${messageOf(error)}`;
    }
    inFiles.set(seq, object.length);
    fileBytes += object.length;
    return undefined;
  };

  return {
    async keep(seq, object) {
      if (memoryBytes + object.length > options.memoryBytesMax) return keepInFile(seq, object);
      inMemory.set(seq, object);
      memoryBytes += object.length;
      return undefined;
    },
    async read(seq) {
      return inMemory.get(seq) ?? readFile(fileOf(seq));
    },
    async drop(seq) {
      memoryBytes -= inMemory.get(seq)?.length ?? 0;
      inMemory.delete(seq);
      const bytes = inFiles.get(seq);
      if (bytes === undefined) return;
      await removeFile(fileOf(seq));
      inFiles.delete(seq);
      fileBytes -= bytes;
    },
    async clear() {
      inMemory.clear();
      inFiles.clear();
      // What is left of it is left of the attempt's folder, and told there.
      await removeTree(options.dir);
    },
  };
}
