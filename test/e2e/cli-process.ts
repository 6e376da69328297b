import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/eventually.ts";

/** The `baton` command as a user runs it: a process of its own, in a project folder of its own. */

const BATON = fileURLToPath(new URL("../../cli/baton.mjs", import.meta.url));

export interface Place {
  /** Where the command runs. */
  readonly project: string;
  /** Its temporary folder: what is left there was left behind. */
  readonly temp: string;
  write(files: Readonly<Record<string, string>>): void;
  remove(): void;
}

export function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), "baton-e2e-"));
  const [project, temp] = [join(root, "project"), join(root, "tmp")];
  mkdirSync(project);
  mkdirSync(temp);
  return {
    project,
    temp,
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(project, path)), { recursive: true });
        writeFileSync(join(project, path), text);
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliEnd>;
  /** Waits until stdout and stderr together contain the text; fails with what came where it ends before. */
  sees(text: string): Promise<void>;
}

export function baton(
  place: Place,
  args: readonly string[],
  options: {
    env?: Readonly<Record<string, string>>;
    input?: string;
    /** A program, and its arguments, that runs the command: `unshare -m`. */
    within?: readonly string[];
    /** In a process group of its own, as a shell starts a job. */
    detached?: boolean;
  } = {},
): CliProcess {
  const [program = process.execPath, ...first] = [...(options.within ?? []), process.execPath];
  const child = spawn(program, [...first, BATON, ...args], {
    cwd: place.project,
    detached: options.detached ?? false,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: place.temp,
      TMPDIR: place.temp,
      XDG_CONFIG_HOME: join(place.temp, "config"),
      ...options.env,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [stdout, stderr, over] = ["", "", false];
  child.stdout.on("data", (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr.on("data", (part: Buffer) => {
    stderr += part.toString();
  });
  child.stdin.end(options.input ?? "");
  const ended = once(child, "close").then(([code]) => {
    over = true;
    return { code: code as number | null, stdout, stderr };
  });
  return {
    child,
    ended,
    async sees(text) {
      await eventually(`"${text}" is printed`, () => {
        const isThere = (stdout + stderr).includes(text);
        if (!isThere && over) throw new Error(`ended without "${text}":\n${stdout}\n${stderr}`);
        return isThere;
      });
    },
  };
}

/** A process's identity: a pid alone may be given again. */
export type ProcessId = `${number}@${string}`;

/** Every living process below one, however deep. */
export function descendantsOf(pid: number): ProcessId[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)));
  const found: ProcessId[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const one of all.filter((other) => other.parent === parent)) {
      found.push(`${one.pid}@${one.start}`);
      parents.push(one.pid);
    }
  }
  return found;
}

export function isAlive(id: ProcessId): boolean {
  const [pid, start] = id.split("@");
  return statOf(Number(pid)).some((found) => found.start === start && found.state !== "Z");
}

function statOf(pid: number): { pid: number; parent: number; start: string; state: string }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", parent = "", ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [{ pid, parent: Number(parent), start: rest[17] ?? "", state }];
  } catch {
    return []; // it ended while we looked
  }
}
