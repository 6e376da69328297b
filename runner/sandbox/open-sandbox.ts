import { spawnSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeTreeNow } from "../../shared/lib/remove-tree.ts";
import type { StepCommand } from "../executors/executor.ts";
import { type SpaceSpec, startSpace } from "../watchdog/space.ts";
import { viewHost } from "./host-view.ts";
import { isWithin } from "./mounts.ts";
import {
  type Hidden,
  type HostView,
  INSIDE,
  planSandbox,
  type SandboxFolders,
  type Trust,
  type Walls,
} from "./plan-sandbox.ts";
import { quote, setupScript } from "./setup-script.ts";
import { findTools, type Tools } from "./tools.ts";

/** What a runner's operator says about sandboxes. */
export interface SandboxOptions {
  /** The steps' PATH. */
  readonly path: string;
  /** Folders and files that no step may see: keys, tokens, other attempts; of those that do not exist yet, no later attempt's. */
  readonly hide: readonly string[];
  /** Folders that steps may read and not write. */
  readonly readOnly: readonly string[];
  /** What steps see in spite of all that, as the runner's user may. */
  readonly expose: readonly string[];
}

/** Makes sandboxes for attempts: namespaces of Linux, set up with util-linux. */
export interface Sandbox {
  /** Writes what the sandbox of an attempt is made from; throws where what is to be hidden has been moved. */
  prepare(folders: SandboxFolders, trust: Trust): SpaceSpec;
  /** Wraps a step's command; `order` names the file that holds its environment, in the scripts' folder. */
  enter(folders: SandboxFolders, step: StepCommand, order: number): StepCommand;
}

/** The host's shadow files and the keys of its servers: where the runner is root, its id opens them. */
const OF_ROOT = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh", "/etc/ssl/private"];
/** One variable (MAX_ARG_STRLEN) and all of them (a quarter of an 8 MB stack) that execve(2) takes. */
const VARIABLE_BYTES_MAX = 131_071;
const ENVIRONMENT_BYTES_MAX = 2_000_000;
const PROBE_MS = 15_000;

/**
 * A sandbox that was tried out on this host for each of the given trusts, or why there is none, in a few words. `scratch`
 * is a folder of the caller's that is hidden from steps.
 */
export async function openSandbox(
  options: SandboxOptions,
  trusts: readonly Trust[],
  scratch: string,
): Promise<Sandbox | { readonly why: string }> {
  if (process.platform !== "linux") return { why: "it needs Linux" };
  const tools = findTools();
  if (typeof tools === "string") return { why: `this host has no ${tools}(1)` };
  const sandbox = makeSandbox(tools, viewHost(options.path), options);
  for (const trust of trusts) {
    const why = await probe(sandbox, trust, scratch);
    if (why !== undefined) return { why };
  }
  return sandbox;
}

function makeSandbox(tools: Tools, view: HostView, options: SandboxOptions): Sandbox {
  const isRoot = view.uid === 0;
  const walls: Walls = {
    hidden: outermost(entriesOf(options.hide)),
    readOnly: entriesOf(options.readOnly)
      .filter(({ path, isFolder }) => isFolder && path !== "/")
      .map(({ path }) => path),
    exposed: entriesOf(options.expose),
  };
  const inodes = new Map(walls.hidden.filter(({ isFolder }) => isFolder).map(({ path }) => [path, inodeOf(path)]));
  // Identity for root, so that files belong inside to whom they belong outside; else the one id that may be mapped.
  const map = (id: number) => (isRoot ? "0 0 4294967295" : `${id} 0 1`);
  const ids = { uids: map(view.uid), gids: map(view.gid) };
  const userFlags = isRoot ? [] : ["--user", "--map-root-user"];
  return {
    prepare(folders, trust) {
      for (const [path, inode] of inodes)
        if (inodeOf(path) !== inode)
          throw new Error(`${path}, which steps may not see, was moved or replaced: restart the runner`);
      const wanted = [...options.hide, ...(trust === "foreign" && isRoot ? OF_ROOT : [])];
      // Keys that were made since the runner started are as secret as those of before.
      const hidden = outermost(eachOnce([...walls.hidden, ...entriesOf(wanted)]));
      const present = hidden.filter(({ path }) => inodeOf(path) !== undefined);
      const plan = planSandbox(view, { ...walls, hidden: present }, trust, folders);
      const files = {
        fstab: join(dirname(folders.scripts), "fstab"),
        script: join(dirname(folders.scripts), "sandbox.sh"),
      };
      writeFileSync(files.fstab, plan.fstab, { mode: 0o600 });
      writeFileSync(files.script, setupScript(tools, plan, files.fstab, ids), { mode: 0o600 });
      // Other users inside, as a database's, need it like any /tmp. Outside nobody reaches it.
      chmodSync(folders.temporary, 0o1777);
      return {
        start: [
          tools.unshare,
          ...userFlags,
          "--mount",
          "--pid",
          "--ipc",
          "--fork",
          "--kill-child",
          tools.sh,
          files.script,
        ],
        nsenter: tools.nsenter,
        inside: [
          ...(isRoot ? [] : ["--user"]),
          ...["--mount", "--pid", "--ipc", "--preserve-credentials", "--", tools.nsenter],
          ...["--user=/proc/1/fd/8", "--mount=/proc/1/fd/9", "--preserve-credentials", "--", tools.setsid],
        ],
      };
    },
    enter(folders, step, order) {
      const name = `start-${order}.sh`;
      writeFileSync(join(folders.scripts, name), startScript(step), { mode: 0o600 });
      // The step's own environment is set inside alone: out here it would choose what the next program loads.
      return { command: [tools.sh, join(INSIDE.scripts, name)], cwd: "/", env: {} };
    },
  };
}

/** Sets a step's environment and folder, and becomes the step. */
function startScript({ command, cwd, env }: StepCommand): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `unset OLDPWD PWD\n${exports.join("")}cd ${quote(cwd)} || exit 126\nunset OLDPWD\nexec ${command.map(quote).join(" ")}\n`;
}

/** Whether execve(2) would refuse such an environment. Names are checked by the pipeline's schema. */
export function isTooLong(env: Readonly<Record<string, string>>): boolean {
  const sizes = Object.entries(env).map(([name, value]) => Buffer.byteLength(name) + Buffer.byteLength(value) + 2);
  return (
    sizes.some((size) => size > VARIABLE_BYTES_MAX) ||
    sizes.reduce((sum, size) => sum + size, 0) > ENVIRONMENT_BYTES_MAX
  );
}

function entriesOf(paths: readonly string[]): Hidden[] {
  const found = paths.flatMap((path) => {
    try {
      const real = realpathSync(path);
      return [{ path: real, isFolder: lstatSync(real).isDirectory() }];
    } catch {
      return []; // not there: nothing to hide or to show
    }
  });
  return eachOnce(found);
}

const eachOnce = (entries: readonly Hidden[]): Hidden[] =>
  entries.filter(({ path }, at) => entries.findIndex((one) => one.path === path) === at);

const outermost = (entries: readonly Hidden[]) =>
  entries.filter(({ path }) => !entries.some((one) => one.path !== path && one.isFolder && isWithin(path, one.path)));

function inodeOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** Makes one, enters it and leaves: the only sure way to know. Returns why it cannot be had. */
async function probe(sandbox: Sandbox, trust: Trust, scratch: string): Promise<string | undefined> {
  const root = mkdtempSync(join(scratch, "probe-"));
  const folder = (name: string) => join(root, name);
  const folders = {
    workspace: folder("workspace"),
    home: folder("home"),
    temporary: folder("tmp"),
    scripts: folder("scripts"),
  };
  for (const path of Object.values(folders)) mkdirSync(path, { mode: 0o700 });
  try {
    const spec = sandbox.prepare(folders, trust);
    const space = startSpace(spec);
    try {
      const { init } = await space.ready;
      const step = {
        command: ["sh", "-c", "echo inside > here"],
        cwd: INSIDE.workspace,
        env: { PATH: "/usr/bin:/bin" },
      };
      const { command } = sandbox.enter(folders, step, 0);
      const args = [`--target=${init}`, ...spec.inside, ...command];
      const { status, stderr, error } = spawnSync(spec.nsenter, args, { cwd: "/", env: {}, timeout: PROBE_MS });
      if (error !== undefined) return messageOf(error);
      return status === 0 ? undefined : `a step could not be started: ${stderr.toString("utf8").trim().slice(-500)}`;
    } finally {
      space.kill();
      await space.gone(PROBE_MS);
    }
  } catch (error) {
    return messageOf(error).slice(-500);
  } finally {
    removeTreeNow(root);
  }
}
