import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import { ApiError, makeClient } from "../../shared/protocol/client.ts";
import { CommandError } from "../command-error.ts";
import { isHttpUrl } from "../config/read-config.ts";
import { writePrivateFile } from "../config/write-private-file.ts";
import type { Context } from "../context.ts";
import { readSecret } from "../read-secret.ts";

const TOKEN_PATTERN = /^[\x21-\x7e]{16,512}$/;

/** `baton login --url URL`: asks for a token, tries it, and keeps both in the config file (0600). */
export async function loginCommand(context: Context, options: { readonly url: string }): Promise<void> {
  const { url } = options;
  const { configFile } = context.environment;
  if (!isHttpUrl(url)) throw new CommandError(`"${url}" is not an http or https URL`);
  if (isPlainRemote(url))
    await context.err.write(`baton: ${url} is not encrypted: everybody on the way can read the token\n`);
  const token = await readSecret(`Token for ${url}: `);
  if (token === "")
    throw new CommandError("no token on stdin: run this in a terminal, or add `< FILE` with the token in that file");
  if (!TOKEN_PATTERN.test(token))
    throw new CommandError("that is not a token: one line, as `baton tokens create` prints it");
  const mayRead = await tryToken(url, token);
  await writePrivateFile(configFile, `url: ${JSON.stringify(url)}\ntoken: ${JSON.stringify(token)}\n`);
  const note = mayRead ? "" : " (the token is good, but lacks the scope read)";
  await context.err.write(`logged in to ${url}${note}; kept in ${configFile}\n`);
}

/** False: the control plane knows the token, and would not let it read. Throws where it does not know it. */
async function tryToken(url: string, token: string): Promise<boolean> {
  try {
    await makeClient({ url, token, exchange: exchangeOverHttp }).call("listRuns", { query: { limit: 1 } });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === "forbidden") return false;
    throw error;
  }
}

function isPlainRemote(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(hostname);
}
