import { createInterface } from "node:readline";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { CommandError } from "./command-error.ts";
import { SIGNAL_EXIT } from "./exit-codes.ts";
import { readStdin } from "./read-stdin.ts";

const SECRET_BYTES_MAX = 4_096;

/** Reads a secret: asked for without echo on a terminal, else all of stdin. Trimmed. */
export function readSecret(question: string): Promise<string> {
  return process.stdin.isTTY ? askSilently(question, process.stdin, process.stderr) : readAll();
}

async function readAll(): Promise<string> {
  return (await readStdin(SECRET_BYTES_MAX)).trim();
}

/** Asks on a terminal. The line editor works as ever; what it would echo goes nowhere. */
export function askSilently(question: string, input: Readable, output: Writable): Promise<string> {
  output.write(question);
  const nowhere = new PassThrough().resume();
  const lines = createInterface({ input, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    // Settled first: `close` is told while it is called, and stands for an end without an answer.
    lines.once("SIGINT", () => {
      reject(new CommandError("no token was given", { exitCode: SIGNAL_EXIT.SIGINT }));
      lines.close();
    });
    lines.question("", (answer) => {
      resolve(answer.trim());
      lines.close();
      output.write("\n");
    });
    lines.once("close", () => reject(new CommandError("no token was given")));
  });
}
