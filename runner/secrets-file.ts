import { stat } from "node:fs/promises";
import { SECRETS_FILE_BYTES_MAX } from "../shared/domain/limits.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../shared/lib/read-text-file.ts";
import { parseSecrets } from "./parse-secrets.ts";
import { ToolingError } from "./tooling-error.ts";

/** The runner's own secrets. */
export interface SecretsFile {
  /** All values by name. Throws ToolingError, which names the place and never a value. */
  readonly read: () => Promise<ReadonlyMap<string, string>>;
}

/**
 * Opens a file of secrets, and reads it once to see that it can be. A file is read again for each attempt, so that a rotated
 * value needs no restart; of a stream, such as `<(…)`, what came is kept, for it comes once. Throws ToolingError.
 */
export async function openSecretsFile(file: string): Promise<SecretsFile> {
  const isStream = await stat(file).then(
    (seen) => !seen.isFile() && !seen.isDirectory(),
    () => false,
  );
  const first = await readAll(file);
  return isStream ? { read: async () => first } : { read: () => readAll(file) };
}

/** Secrets that somebody else has read: a parent, from a stream. */
export function givenSecrets(text: string): SecretsFile {
  const values = parseSecrets(text);
  return { read: async () => values };
}

async function readAll(file: string): Promise<ReadonlyMap<string, string>> {
  try {
    return parseSecrets(await readSecretsText(file));
  } catch (cause) {
    throw new ToolingError(`the runner's secrets file (--secrets-file): ${tellTextTrouble(file, cause, fileTrouble)}`, {
      cause,
    });
  }
}

/** Its text, from a file or a stream. Throws `TextFileError`, or what the file system says. */
export const readSecretsText = (file: string): Promise<string> =>
  readTextFile(file, { bytesMax: SECRETS_FILE_BYTES_MAX, streams: true });

/** The secrets among the names that the runner's own file holds; none where there is no file. */
export async function readSecretsFile(
  names: readonly string[],
  file: SecretsFile | undefined,
): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0 || file === undefined) return new Map();
  const values = await file.read();
  return new Map(names.flatMap((name) => (values.has(name) ? [[name, values.get(name) ?? ""]] : [])));
}

export function quoteAll(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
