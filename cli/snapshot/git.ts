import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { systemCode } from "../../shared/lib/system-code.ts";
import { CommandError } from "../command-error.ts";

/** Git as the snapshot uses it: fixed arguments, own environment, bounded output, errors with git's last line. */

const OUTPUT_BYTES_MAX = 256 * 1_024 * 1_024;
const ERROR_CHARS_MAX = 4_096;

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface GitCall {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

/** Nothing in a user's environment may point git elsewhere, and nothing may ask questions. */
export function gitEnvironment(env: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>) {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("GIT_") || name === "GIT_EXEC_PATH");
  return { ...Object.fromEntries(kept), GIT_TERMINAL_PROMPT: "0", LC_ALL: "C", ...own };
}

/** Runs git and returns how it ended. Throws only where git cannot be started or floods us. */
export function tryGit(args: readonly string[], call: GitCall): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = startGit(args, call);
    // First: without a free descriptor there is a child of no streams, which says so by this alone.
    child.on("error", (cause) => reject(new CommandError(explainStart(cause, call.cwd), { cause })));
    if (child.pid === undefined) return;
    const out: Buffer[] = [];
    let bytes = 0;
    let stderr = "";
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      out.push(part);
      if (bytes > OUTPUT_BYTES_MAX) {
        child.kill("SIGKILL");
        reject(new CommandError(`git ${args[0]} lists more than ${OUTPUT_BYTES_MAX} bytes: is this the right folder?`));
      }
    });
    child.stderr.on("data", (part: Buffer) => {
      stderr = (stderr + part.toString("utf8")).slice(-ERROR_CHARS_MAX);
    });
    child.on("close", (code) => resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr: stderr.trim() }));
    // Git may end before it has read all: how it ended says more than the broken pipe.
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin.end(call.input ?? "");
  });
}

/** Node throws some of what hinders a start, and emits the rest. */
function startGit(args: readonly string[], { cwd, env }: GitCall): ChildProcessWithoutNullStreams {
  try {
    return spawn("git", args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  } catch (cause) {
    throw cause instanceof Error ? new CommandError(explainStart(cause, cwd), { cause }) : cause;
  }
}

/** Runs git; a failure is one line with git's own reason. Returns stdout as text, without its last line end. */
export async function git(args: readonly string[], call: GitCall): Promise<string> {
  const { code, stdout, stderr } = await tryGit(args, call);
  if (code !== 0)
    throw new CommandError(`git ${commandOf(args)} failed in ${call.cwd}: ${reasonOf(stderr) || `exit code ${code}`}`);
  return stdout.toString("utf8").replace(/\n$/, "");
}

/** Why git failed, of all that it said: its verdict where there is one, and the command that it advises. */
export function reasonOf(stderr: string): string {
  const said = stderr.split("\n").map((line) => line.trim());
  const verdict = said.find((line) => /^(fatal|error): /.test(line)) ?? said.at(-1) ?? "";
  const advice = said.find((line) => line.startsWith("git config "));
  return advice === undefined ? verdict : `${verdict}; where you trust it: ${advice}`;
}

function commandOf(args: readonly string[]): string {
  return args.find((arg, at) => !arg.startsWith("-") && args[at - 1] !== "-c") ?? "";
}

/** Also a folder that is not there is an ENOENT of git's start. */
function explainStart(cause: Error, cwd: string): string {
  if (!isFolder(cwd)) return `there is no folder ${cwd}`;
  if (systemCode(cause) === "ENOENT") return "git is not installed: `baton run` needs it to copy the working tree";
  return `cannot start git: ${cause.message}`;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
