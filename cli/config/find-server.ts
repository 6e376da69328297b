import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../command-error.ts";
import type { CliEnvironment } from "../environment.ts";
import { isHttpUrl, readConfig } from "./read-config.ts";

/** A control plane, and the token to talk to it. */
export interface Server {
  readonly url: string;
  readonly token: string;
  /** Where the URL came from, for messages. */
  readonly from: string;
}

/** Where `baton up` keeps its state, below the project. */
export const STATE_FOLDER = join(".baton", "state");
/** What runs there now, written by the stack: `{url, pid}`. */
const STACK_FILE = "stack.json";
const TOKEN_FILE = "token";

/**
 * Finds the control plane: `--url`, else BATON_URL, else the config file, else a `baton up` of this folder. The token is
 * BATON_TOKEN, else the one that is kept for that very URL: a token is never sent to another server than its own.
 */
export async function findServer(environment: CliEnvironment, urlOption: string | undefined): Promise<Server> {
  const config = await readConfig(environment.configFile);
  const local = await readLocal(environment.cwd);
  const url = urlOption ?? environment.url ?? config?.url ?? local?.url;
  if (url === undefined) {
    throw new CommandError(
      "no control plane is known: start one here with `baton up`, or log in with `baton login --url URL`",
    );
  }
  const from = describeOrigin(environment, urlOption, config?.url);
  if (!isHttpUrl(url)) throw new CommandError(`"${url}" (${from}) is not an http or https URL`);
  const token = environment.token ?? tokenFor(url, [config, local]);
  if (token === undefined) {
    throw new CommandError(`no token for ${url}: set BATON_TOKEN, or log in with \`baton login --url ${url}\``);
  }
  return { url, token, from };
}

function describeOrigin(
  environment: CliEnvironment,
  urlOption: string | undefined,
  configUrl: string | undefined,
): string {
  if (urlOption !== undefined) return "--url";
  if (environment.url !== undefined) return "BATON_URL";
  return configUrl === undefined ? STATE_FOLDER : environment.configFile;
}

function tokenFor(
  url: string,
  known: readonly ({ readonly url?: string; readonly token?: string } | undefined)[],
): string | undefined {
  const origin = new URL(url).origin;
  return known.find((one) => one?.url !== undefined && one.token !== undefined && new URL(one.url).origin === origin)
    ?.token;
}

async function readLocal(cwd: string): Promise<{ url: string; token?: string } | undefined> {
  const folder = join(cwd, STATE_FOLDER);
  const [stack, token] = await Promise.all([readLine(join(folder, STACK_FILE)), readLine(join(folder, TOKEN_FILE))]);
  const url = stack === undefined ? undefined : readUrl(stack, join(folder, STACK_FILE));
  if (url === undefined) return undefined;
  return token === undefined ? { url } : { url, token };
}

function readUrl(stack: string, file: string): string {
  try {
    const document: unknown = JSON.parse(stack);
    const url = typeof document === "object" && document !== null && "url" in document ? document.url : undefined;
    if (typeof url === "string" && isHttpUrl(url)) return url;
  } catch (cause) {
    throw new CommandError(`${file} is not what \`baton up\` writes: remove it`, { cause });
  }
  throw new CommandError(`${file} names no URL: remove it`);
}

async function readLine(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).trim() || undefined;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new CommandError(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
