import { stat } from "node:fs/promises";

const OTHERS = 0o077;

/**
 * A line that says what to do about a file of secrets that others than its owner may read or write; undefined where
 * there is none to say. A file that is not there is told by whoever reads it.
 */
export async function openFileWarning(file: string): Promise<string | undefined> {
  const mode = await stat(file).then(
    (seen) => seen.mode,
    () => 0,
  );
  if ((mode & OTHERS) === 0) return undefined;
  const bits = (mode & 0o777).toString(8).padStart(4, "0");
  return `warning: ${file} is open to other users of this host (mode ${bits}): chmod 600 ${file}`;
}
