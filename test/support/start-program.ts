import { spawn } from "node:child_process";

/** A program in a process of its own, and all that it says. */
export interface StartedProgram {
  said(): string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code; undefined where a signal ended it. */
  readonly exited: Promise<number | undefined>;
}

export function startProgram(
  program: string,
  args: readonly string[],
  place: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): StartedProgram {
  const child = spawn(program, args, { ...place, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part: Buffer) => {
      said += part.toString();
    });
  const exited = new Promise<number | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? undefined));
  });
  return { said: () => said, signal: (name) => void child.kill(name), exited };
}
