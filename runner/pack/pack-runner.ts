import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "rolldown";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { writeBundles } from "../../shared/lib/write-bundles.ts";
import { TAR_END, tarHeader, tarPadding } from "../products/write-tar.ts";

/**
 * The runner as other hosts get it: a folder of a few bundled files that need Node 24 and nothing else, and the same as an
 * archive for `runner/ec2/user-data.sh`. No npm, no registry and no compiler on the host.
 */

const root = fileURLToPath(new URL("../../", import.meta.url));
/** What a host starts: the runner, and on EC2 root's service beside it. */
const PROGRAMS = { "main.mjs": "runner/main.ts", "host.mjs": "runner/ec2/main.ts" } as const;
/** Programs and threads that the runner starts as files: by which module, and how that one names it. */
const STARTED = [
  { bundle: "watchdog.mjs", file: "runner/watchdog/main.ts", by: "/watchdog-handle.ts", as: "../watchdog/main.ts" },
  {
    bundle: "collect.mjs",
    file: "runner/products/collect/main.ts",
    by: "/products/artifacts.ts",
    as: "./collect/main.ts",
  },
  { bundle: "unpack.mjs", file: "shared/lib/unpack/main.ts", by: "/lib/archive.ts", as: "./unpack/main.ts" },
] as const;
/** Beside the bundles: how a host starts and stops them. */
const SCRIPTS = [
  "runner/pack/baton-runner",
  "runner/systemd/wait-for-watchdogs",
  "runner/systemd/deny-metadata",
  "runner/container/healthy",
] as const;
const TEXTS = [
  "runner/systemd/baton-runner.service",
  "runner/systemd/baton-host.service",
  "runner/systemd/baton-host.socket",
  "runner/systemd/ec2.conf",
  "LICENSE",
] as const;

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
  const started = Object.fromEntries(STARTED.map(({ bundle, file }) => [bundle, file]));
  await writeBundles({ root, folder, input: { ...PROGRAMS, ...started }, plugins: [startedBeside()] });
  await Promise.all([...SCRIPTS, ...TEXTS].map((file) => copyFile(join(root, file), join(folder, lastPart(file)))));
  await Promise.all(SCRIPTS.map((file) => chmod(join(folder, lastPart(file)), 0o755)));
  const archive = join(into, "baton-runner.tgz");
  const packed = await archiveOf(folder);
  await writeFile(archive, packed);
  return { folder, archive, bytes: packed.length, sha256: createHash("sha256").update(packed).digest("hex") };
}

/** What the runner starts as a file, which a bundle has under another name. */
function startedBeside(): Plugin {
  return {
    name: "baton-started-beside",
    transform(code, id) {
      const started = STARTED.find(({ by }) => id.endsWith(by));
      if (started === undefined) return null;
      const source = JSON.stringify(started.as);
      if (!code.includes(source)) throw new Error(`${id} does not start ${source} any more`);
      return code.replace(source, JSON.stringify(`./${started.bundle}`));
    },
  };
}

async function archiveOf(folder: string): Promise<Buffer> {
  const names = (await readdir(folder)).sort();
  const members = await Promise.all(names.map((name) => memberOf(folder, name)));
  return gzipSync(Buffer.concat([...members, TAR_END]), { level: 9 });
}

async function memberOf(folder: string, name: string): Promise<Buffer> {
  const file = join(folder, name);
  const [{ mode }, content] = await Promise.all([stat(file), readFile(file)]);
  const path = `baton-runner/${name}`;
  const header = tarHeader({ type: "file", path, executable: (mode & 0o100) !== 0, bytes: content.length });
  return Buffer.concat([header, content, tarPadding(content.length)]);
}

const lastPart = (file: string): string => file.slice(file.lastIndexOf("/") + 1);
