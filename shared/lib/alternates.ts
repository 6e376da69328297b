import { readFile, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemCode } from "./system-code.ts";

/** As deep as git itself follows them. */
const DEPTH_MAX = 5;

/** Folders of objects, and all that they borrow from (gitrepository-layout(5)), by real path, each once. */
export async function flattenAlternates(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  let level = folders;
  for (let depth = 0; depth <= DEPTH_MAX && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      const real = await realpath(folder).catch(ignoreMissing);
      if (real === undefined || found.has(real)) continue;
      found.add(real);
      next.push(...(await alternatesOf(real)));
    }
    level = next;
  }
  return [...found];
}

async function alternatesOf(objects: string): Promise<string[]> {
  const text = (await readFile(join(objects, "info", "alternates"), "utf8").catch(ignoreMissing)) ?? "";
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => resolve(objects, unquoted(line)));
}

/** Makes git read a folder of objects, too (git(1)). In quotes, its path may hold colons. */
export const borrowing = (objects: string): { readonly GIT_ALTERNATE_OBJECT_DIRECTORIES: string } => ({
  GIT_ALTERNATE_OBJECT_DIRECTORIES: `"${objects.replace(/["\\]/g, "\\$&")}"`,
});

/** Git takes a line in quotes as C does. */
function unquoted(line: string): string {
  if (!/^".*"$/.test(line)) return line;
  return line.slice(1, -1).replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char === "t" ? "\t" : char));
}

function ignoreMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
  return undefined;
}
