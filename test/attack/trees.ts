import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Folders as the oracle sees them: names are bytes, read as Latin-1, so that any can be compared and shown. */

export type Tree = ReadonlyMap<string, string>;

/** Each file with a digest of its content, each link with where it points; folders by what is in them. */
export function readTree(folder: string): Tree {
  const found = new Map<string, string>();
  const visit = (at: Buffer, name: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true, encoding: "buffer" })) {
      const path = Buffer.concat([at, Buffer.from("/"), entry.name]);
      const own = `${name}${entry.name.toString("latin1")}`;
      if (entry.isDirectory()) visit(path, `${own}/`);
      else if (entry.isSymbolicLink()) found.set(own, `-> ${readlinkSync(path, "latin1")}`);
      else if (entry.isFile()) found.set(own, createHash("sha256").update(readFileSync(path)).digest("hex"));
    }
  };
  visit(Buffer.from(folder), "");
  return found;
}

/** What of the one is not in the other as it was, a line for each. */
export function lostOf(expected: Tree, found: Tree): string[] {
  return [...expected].flatMap(([name, content]) => {
    const there = found.get(name);
    if (there === content) return [];
    return [`${JSON.stringify(name.slice(0, 80))} is ${there === undefined ? "gone" : "not what it was"}`];
  });
}

/** Writes files with such names, each with its name as content. Folders are made. */
export function writeTree(folder: string, names: readonly Buffer[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const slash = name.lastIndexOf("/");
    if (slash > 0)
      mkdirSync(Buffer.concat([Buffer.from(join(folder, "/")), name.subarray(0, slash)]), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(join(folder, "/")), name]), Buffer.concat([name, Buffer.from("\n")]));
  }
}
