import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { entryOf } from "../shared/domain/entry.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { ToolingError } from "./tooling-error.ts";

/**
 * The secrets among the names that the runner's own file (dotenv format) holds; none where there is no file. Read for
 * each attempt, so that a rotated value needs no restart. Throws ToolingError, which never names a value.
 */
export async function readSecretsFile(
  names: readonly string[],
  file: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0 || file === undefined) return new Map();
  const values = await load(file);
  const found = names.flatMap((name) => {
    const value = entryOf(values, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  // Node would refuse the step's whole environment, and quote the value.
  const unfit = found.filter(([, value]) => value.includes("\0")).map(([name]) => name);
  if (unfit.length > 0) throw new ToolingError(`the runner's secrets file has a NUL character in ${quoteAll(unfit)}`);
  return new Map(found);
}

async function load(file: string): Promise<Readonly<Record<string, string | undefined>>> {
  try {
    return parseEnv(await readFile(file, "utf8"));
  } catch (cause) {
    throw new ToolingError(`the runner's secrets file (--secrets-file) cannot be read: ${fileTrouble(cause)}`, {
      cause,
    });
  }
}

export function quoteAll(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
