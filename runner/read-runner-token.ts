import { readFile } from "node:fs/promises";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { UsageError } from "./options.ts";

const HOW_TO_GET_ONE = "; `baton tokens create --scope runner` makes one where the control plane is";

/** The runner's token, from its file, else from the environment. Throws UsageError where there is none to send. */
export async function readRunnerToken(tokenFile: string | undefined, fromEnvironment?: string): Promise<string> {
  if (tokenFile !== undefined) return checked((await readTokenFile(tokenFile)).trim(), `--token-file: ${tokenFile}`);
  if (fromEnvironment === undefined) throw new UsageError(`--token-file is missing (or BATON_TOKEN)${HOW_TO_GET_ONE}`);
  return checked(fromEnvironment, "BATON_TOKEN");
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new UsageError(`--token-file: cannot read ${file}: ${fileTrouble(cause)}${HOW_TO_GET_ONE}`, { cause });
  }
}

/** Sent as it is, an empty or broken one would be refused for another reason. */
function checked(token: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const what = token === "" ? "is empty" : "holds no token, which is one word";
  throw new UsageError(`${from} ${what}${HOW_TO_GET_ONE}`);
}
