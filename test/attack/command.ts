import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The command as a user starts it, beside the field's own processes. */
export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandEnd>;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const BATON = fileURLToPath(new URL("../../cli/baton", import.meta.url));

export function startCommand(
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    /** A program that becomes the command, with its own arguments. */
    readonly by?: readonly string[];
  },
): Command {
  const [program = BATON, ...rest] = [...(options.by ?? []), BATON, ...args];
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: options.cwd, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (part: Buffer) => stdout.push(part));
  child.stderr.on("data", (part: Buffer) => stderr.push(part));
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      resolve({ code, stdout: textOf(stdout), stderr: textOf(stderr) });
    });
  });
  return { child, ended };
}

const textOf = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString("utf8");

/** Control characters but for a line's end and a tab, and what turns or hides text: none may reach a terminal. */
const NOT_TEXT = /[\p{Cc}\p{Bidi_Control}\u200b\u2060\ufeff\ufffd]/gu;

/** What is wrong with what a command printed; nothing where all is well. */
export function malformed(
  what: string,
  { stdout, stderr }: Pick<CommandEnd, "stdout" | "stderr">,
  json: boolean,
): string[] {
  const odd = [...`${json ? "" : stdout}${stderr}`.matchAll(NOT_TEXT)]
    .map(([one]) => one)
    .filter((one) => !/[\n\t]/.test(one));
  const found =
    odd.length === 0 ? [] : [`${what}: ${odd.length} characters that are no text: ${JSON.stringify(odd.slice(0, 5))}`];
  if (!json) return found;
  try {
    JSON.parse(stdout);
    return found;
  } catch (error) {
    return [...found, `${what}: not JSON: ${String(error).slice(0, 200)}: ${stderr.slice(0, 300)}`];
  }
}
