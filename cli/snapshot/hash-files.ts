import { readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eachOf } from "../../shared/lib/each-of.ts";
import { CommandError } from "../command-error.ts";
import { reasonOf, tryGit } from "./git.ts";
import { type BytePath, bytesOf, quotedLine, toBytePath } from "./path-bytes.ts";
import type { View } from "./view.ts";

const READS_AT_ONCE = 32;

/** The object id of each file's bytes as they are, unconverted. With `write` the objects are kept. Undefined: one is gone. */
export async function hashFiles(
  view: View,
  paths: readonly BytePath[],
  options: { readonly write: boolean },
): Promise<string[] | undefined> {
  if (paths.length === 0) return [];
  const args = ["hash-object", "--no-filters", "--stdin-paths", ...(options.write ? ["-w"] : [])];
  const { code, stdout, stderr } = await tryGit(args, {
    ...view.writes,
    input: Buffer.from(paths.map(quotedLine).join("")),
  });
  const ids = stdout.toString("latin1").split("\n").filter(Boolean);
  if (code === 0 && ids.length === paths.length) return ids;
  if (/could not open|Permission denied|No such file/i.test(stderr)) return undefined;
  throw new CommandError(`git cannot copy the files of ${view.reads.cwd}: ${reasonOf(stderr)}`);
}

/** The object id of each link's target. Git follows links where it reads files, so targets are laid beside in `spool`. */
export async function hashLinks(view: View, paths: readonly BytePath[], spool: string): Promise<string[] | undefined> {
  const base = toBytePath(view.reads.cwd);
  const laid = await eachOf(
    paths.map((path, at) => ({ path, file: join(spool, `link-${at}`) })),
    READS_AT_ONCE,
    async ({ path, file }) => {
      await writeFile(file, await readlink(bytesOf(`${base}/${path}`), "buffer"));
      return toBytePath(file);
    },
  );
  return hashFiles(view, laid, { write: true });
}
