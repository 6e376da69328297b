import { CommandError } from "./command-error.ts";
import { askSilently } from "./read-secret.ts";
import { readStdin } from "./read-stdin.ts";

const VALUE_BYTES_MAX = 64 * 1_024;

/** Reads a value that may have lines: asked for without echo where `ask` and stdin is a terminal, else all of stdin but its last line end. */
export async function readValue(question: string, ask: boolean): Promise<string> {
  const value =
    ask && process.stdin.isTTY ? await askSilently(question, process.stdin, process.stderr) : await readAll();
  if (value === "") throw new CommandError("the value is empty: nothing came from stdin");
  return value;
}

const readAll = async (): Promise<string> => (await readStdin(VALUE_BYTES_MAX)).replace(/\r?\n$/, "");
