import { TOKEN_FILE_BYTES_MAX } from "../shared/domain/limits.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../shared/lib/read-text-file.ts";
import { UsageError } from "./options.ts";

const HOW_TO_GET_ONE = "; `baton tokens create --scope runner` makes one where the control plane is";

/** The runner's token, from its file, else from the environment. Throws UsageError where there is none to send. */
export async function readRunnerToken(tokenFile: string | undefined, fromEnvironment?: string): Promise<string> {
  if (tokenFile !== undefined) return checked((await readTokenFile(tokenFile)).trim(), `--token-file: ${tokenFile}`);
  if (fromEnvironment === undefined) throw new UsageError(`--token-file is missing (or BATON_TOKEN)${HOW_TO_GET_ONE}`);
  return checked(fromEnvironment, "BATON_TOKEN");
}

/** The token that whoever reads the counters needs. Throws UsageError where the file holds none. */
export async function readMetricsToken(file: string): Promise<string> {
  const token = (await readTokenFile(file, "--metrics-token-file", "")).trim();
  if (METRICS_TOKEN.test(token)) return token;
  throw new UsageError(`--metrics-token-file: ${file} holds no token: one word of 16 characters or more`);
}
const METRICS_TOKEN = /^[\x21-\x7e]{16,1024}$/;

async function readTokenFile(file: string, option = "--token-file", hint = HOW_TO_GET_ONE): Promise<string> {
  try {
    return await readTextFile(file, { bytesMax: TOKEN_FILE_BYTES_MAX, streams: true });
  } catch (cause) {
    throw new UsageError(`${option}: ${tellTextTrouble(file, cause, fileTrouble)}${hint}`, { cause });
  }
}

/** Sent as it is, an empty or broken one would be refused for another reason. */
function checked(token: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const what = token === "" ? "is empty" : "holds no token, which is one word";
  throw new UsageError(`${from} ${what}${HOW_TO_GET_ONE}`);
}
