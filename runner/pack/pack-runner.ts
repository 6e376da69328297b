import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "rolldown";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { writeBundles } from "../../shared/lib/write-bundles.ts";
import { type TarMember, writeTar } from "../products/write-tar.ts";

/**
 * The runner as other hosts get it: a folder of a few bundled files that need Node 24 and nothing else, and the same as an
 * archive for `runner/ec2/user-data.sh`. No npm, no registry and no compiler on the host.
 */

const root = fileURLToPath(new URL("../../", import.meta.url));
const WATCHDOG = "watchdog.mjs";
/** Beside the bundles: how a host starts and stops them. */
const SCRIPTS = ["runner/pack/baton-runner", "runner/systemd/wait-for-watchdogs", "runner/container/healthy"] as const;
const TEXTS = ["runner/systemd/baton-runner.service", "LICENSE"] as const;

export interface PackedRunner {
  /** The unpacked runner, which the container image copies. */
  readonly folder: string;
  readonly archive: string;
  readonly bytes: number;
  /** Hexadecimal. The same sources and packages give the same archive. */
  readonly sha256: string;
}

/** Makes `<into>/baton-runner` and `<into>/baton-runner.tgz` anew. Throws where a source cannot be bundled. */
export async function packRunner(into: string): Promise<PackedRunner> {
  const folder = join(into, "baton-runner");
  await removeWholeTree(folder);
  await mkdir(folder, { recursive: true });
  const input = { "main.mjs": "runner/main.ts", [WATCHDOG]: "runner/watchdog/main.ts" };
  await writeBundles({ root, folder, input, plugins: [watchdogBeside()] });
  await Promise.all([...SCRIPTS, ...TEXTS].map((file) => copyFile(join(root, file), join(folder, lastPart(file)))));
  await Promise.all(SCRIPTS.map((file) => chmod(join(folder, lastPart(file)), 0o755)));
  const archive = join(into, "baton-runner.tgz");
  const packed = await archiveOf(folder);
  await writeFile(archive, packed);
  return { folder, archive, bytes: packed.length, sha256: createHash("sha256").update(packed).digest("hex") };
}

/** The runner starts its watchdogs as a file, which a bundle has under another name. */
function watchdogBeside(): Plugin {
  const source = '"../watchdog/main.ts"';
  return {
    name: "baton-watchdog",
    transform(code, id) {
      if (!id.endsWith("/watchdog-handle.ts")) return null;
      if (!code.includes(source)) throw new Error(`${id} does not start ${source} any more`);
      return code.replace(source, JSON.stringify(`./${WATCHDOG}`));
    },
  };
}

async function archiveOf(folder: string): Promise<Buffer> {
  const names = (await readdir(folder)).sort();
  const members = await Promise.all(names.map((name) => memberOf(folder, name)));
  const blocks: Buffer[] = [];
  for await (const block of writeTar(members)) blocks.push(Buffer.from(block));
  return gzipSync(Buffer.concat(blocks), { level: 9 });
}

async function memberOf(folder: string, name: string): Promise<TarMember> {
  const source = join(folder, name);
  const { size, mode } = await stat(source);
  return { type: "file", path: `baton-runner/${name}`, source, executable: (mode & 0o100) !== 0, bytes: size };
}

const lastPart = (file: string): string => file.slice(file.lastIndexOf("/") + 1);
