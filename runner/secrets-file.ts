import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { entryOf } from "../shared/domain/entry.ts";
import { ToolingError } from "./tooling-error.ts";

/**
 * Finds the values of the secrets that a job names in the runner's own file (dotenv format). Read for each attempt, so
 * that a rotated value needs no restart. Throws ToolingError naming all that are missing, never a value.
 */
export async function readSecrets(
  names: readonly string[],
  file: string | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (names.length === 0) return {};
  if (file === undefined)
    throw new ToolingError(`this runner has no secrets file (--secrets-file), and the job asks for ${quote(names)}`);
  const values = await load(file);
  const secretOf = (name: string) => entryOf(values, name);
  const missing = names.filter((name) => secretOf(name) === undefined);
  if (missing.length > 0) throw new ToolingError(`the runner's secrets file does not hold ${quote(missing)}`);
  // Node would refuse the step's whole environment, and quote the value.
  const unfit = names.filter((name) => secretOf(name)?.includes("\0"));
  if (unfit.length > 0) throw new ToolingError(`the runner's secrets file has a NUL character in ${quote(unfit)}`);
  return Object.fromEntries(names.map((name) => [name, secretOf(name) ?? ""]));
}

async function load(file: string): Promise<Readonly<Record<string, string | undefined>>> {
  try {
    return parseEnv(await readFile(file, "utf8"));
  } catch (cause) {
    throw new ToolingError("the runner's secrets file cannot be read", { cause });
  }
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
