import { decodeText } from "../shared/lib/read-text-file.ts";
import { CommandError } from "./command-error.ts";

/** All of stdin, as strictly read as a file. */
export async function readStdin(bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    parts.push(Buffer.from(part));
    bytes += parts.at(-1)?.length ?? 0;
    if (bytes > bytesMax) throw new CommandError(`stdin has more than ${bytesMax} bytes`);
  }
  try {
    return decodeText(Buffer.concat(parts));
  } catch (cause) {
    throw new CommandError("stdin is not UTF-8 text: encode it, with base64 for one", { cause });
  }
}
