import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { OwnPlaces } from "../../cli/snapshot/own-places.ts";
import { snapshotTree } from "../../cli/snapshot/snapshot-tree.ts";
import { checkout } from "../../runner/products/source.ts";

/** A project, and what a job's workspace has of it: the snapshot of `baton run` and the runner's checkout, one after the other. */
export interface CopiedTree {
  readonly folder: string;
  readonly project: string;
  /** Its HOME has no configuration, but what a test writes there. */
  readonly env: Readonly<Record<string, string>>;
  git(args: readonly string[], cwd?: string): string;
  write(files: Readonly<Record<string, string | Buffer>>, root?: string): void;
  commit(files: Readonly<Record<string, string | Buffer>>, root?: string): void;
  copy(
    cwd?: string,
    own?: OwnPlaces,
  ): Promise<{ files: Record<string, string>; warnings: readonly string[]; into: string }>;
  remove(): void;
}

export function makeCopiedTree(): CopiedTree {
  const folder = mkdtempSync(join(tmpdir(), "baton-tree-"));
  const project = join(folder, "project");
  const home = join(folder, "home");
  for (const path of [project, home]) mkdirSync(path);
  const env = { PATH: process.env["PATH"] ?? "", HOME: home };
  const author = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"];
  const git = (args: readonly string[], cwd = project) =>
    execFileSync("git", [...author, ...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env }).trim();
  const write = (files: Readonly<Record<string, string | Buffer>>, root = project) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  };
  return {
    folder,
    project,
    env,
    git,
    write,
    commit(files, root = project) {
      mkdirSync(root, { recursive: true });
      git(["init", "-q", "-b", "trunk"], root);
      write(files, root);
      git(["add", "-A"], root);
      git(["commit", "-q", "--allow-empty", "-m", "first"], root);
    },
    async copy(cwd = project, own) {
      const taken = await snapshotTree({
        cwd,
        into: mkdtempSync(join(folder, "into-")),
        env,
        ...(own === undefined ? {} : { own }),
      });
      const into = mkdtempSync(join(folder, "workspace-"));
      await checkout({
        source: taken.source,
        into,
        cacheDir: join(folder, "cache"),
        allowedRoots: [taken.source.url, ...taken.borrows],
        signal: new AbortController().signal,
        report: () => undefined,
        env,
      });
      return { files: filesOf(into), warnings: taken.warnings, into };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Each file below a folder, without `.git`: its mode, and its bytes or its target, with its name's bytes as characters. */
export function filesOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (below: string) => {
    const at = (name: string) => Buffer.from(`${Buffer.from(root).toString("latin1")}/${below}${name}`, "latin1");
    for (const name of readdirSync(at(""), "buffer").map((bytes) => bytes.toString("latin1"))) {
      if (name === ".git") continue;
      const status = lstatSync(at(name));
      if (status.isDirectory()) walk(`${below}${name}/`);
      else if (status.isSymbolicLink()) found[below + name] = `-> ${readlinkSync(at(name))}`;
      else if (status.isFile())
        found[below + name] = `${(status.mode & 0o100) === 0 ? "" : "x "}${readFileSync(at(name)).toString("latin1")}`;
    }
  };
  walk("");
  return found;
}

/** All of a `.git`: what a run may not change. */
export function stateOf(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true }).map(String).sort();
  return Object.fromEntries(
    names.map((name) => {
      const status = lstatSync(join(root, name));
      const bytes = status.isFile() ? readFileSync(join(root, name)).toString("base64") : "";
      return [name, `${status.mode} ${status.mtimeMs} ${bytes}`];
    }),
  );
}
