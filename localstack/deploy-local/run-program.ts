import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it with SIGTERM. */
  readonly signal: AbortSignal;
  /** Each line of its stdout as it comes. */
  readonly onLine?: (line: string) => void;
}

const TAIL_LINES = 40;

/** A program ended with another exit code than 0; the message holds the end of what it said. */
export class ProgramFailed extends Error {
  override readonly name = "ProgramFailed";
}

/** Runs a program to its end; all of its stdout. Throws `ProgramFailed`, or `AbortError` where the signal came. */
export async function runProgram({ command, args, cwd, env, signal, onLine }: Program): Promise<string> {
  signal.throwIfAborted();
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const stdout: string[] = [];
  const tail: string[] = [];
  const keep = (line: string) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout.push(line);
    // What was shown as it came is not told again.
    if (onLine === undefined) keep(line);
    else onLine(line);
  });
  createInterface({ input: child.stderr }).on("line", keep);
  const [code, by] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (code !== 0)
    throw new ProgramFailed(`${command} ${args.slice(0, 2).join(" ")} ended with ${code ?? by}:\n${tail.join("\n")}`);
  return stdout.join("\n");
}
