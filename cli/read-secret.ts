import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { CommandError } from "./command-error.ts";
import { SIGNAL_EXIT } from "./exit-codes.ts";

const SECRET_BYTES_MAX = 4_096;

/** Reads a secret: asked for without echo on a terminal, else all of stdin. Trimmed. */
export function readSecret(question: string): Promise<string> {
  return process.stdin.isTTY ? askSilently(question) : readAll();
}

async function readAll(): Promise<string> {
  let text = "";
  for await (const part of process.stdin) {
    text += String(part);
    if (text.length > SECRET_BYTES_MAX)
      throw new CommandError(`stdin has more than ${SECRET_BYTES_MAX} bytes: that is no token`);
  }
  return text.trim();
}

/** The line editor works as ever; what it would echo goes nowhere. */
function askSilently(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new PassThrough().resume();
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    lines.once("SIGINT", () => {
      lines.close();
      reject(new CommandError("no token was given", { exitCode: SIGNAL_EXIT.SIGINT }));
    });
    lines.question("", (answer) => {
      lines.close();
      process.stderr.write("\n");
      resolve(answer.trim());
    });
    lines.once("close", () => reject(new CommandError("no token was given")));
  });
}
