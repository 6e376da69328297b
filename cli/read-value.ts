import { CommandError } from "./command-error.ts";
import { askSilently } from "./read-secret.ts";

const VALUE_BYTES_MAX = 64 * 1_024;

/** Reads a value that may have lines: asked for without echo where `ask` and stdin is a terminal, else all of stdin but its last line end. */
export async function readValue(question: string, ask: boolean): Promise<string> {
  const value =
    ask && process.stdin.isTTY ? await askSilently(question, process.stdin, process.stderr) : await readAll();
  if (value === "") throw new CommandError("the value is empty: nothing came from stdin");
  return value;
}

async function readAll(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    parts.push(Buffer.from(part));
    bytes += parts.at(-1)?.length ?? 0;
    if (bytes > VALUE_BYTES_MAX) throw new CommandError(`stdin has more than ${VALUE_BYTES_MAX} bytes`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new CommandError("stdin is not UTF-8 text: encode it, with base64 for one", { cause });
  }
}
