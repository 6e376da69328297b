import { existsSync, lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { TOKEN_FILE_BYTES_MAX } from "../../shared/domain/limits.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../../shared/lib/read-text-file.ts";
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
const LOCK_FILE = "lock";

/**
 * Finds the control plane: `--url`, else BATON_URL, else the `baton up` that runs in this folder or above it in the
 * repository, else the config file. What runs right here comes first: who starts it means it. The token is BATON_TOKEN,
 * else the one that is kept for that very URL: a token is never sent to another server than its own.
 */
export async function findServer(environment: CliEnvironment, urlOption: string | undefined): Promise<Server> {
  const config = await readConfig(environment.configFile);
  const local = await readLocal(environment.cwd);
  const url = urlOption ?? environment.url ?? local?.url ?? config?.url;
  if (url === undefined) {
    throw new CommandError(
      "no control plane is known: start one here with `baton up`, or log in with `baton login --url URL`",
    );
  }
  const from = describeOrigin(environment, urlOption, local?.url);
  if (!isHttpUrl(url)) throw new CommandError(`"${url}" (${from}) is not an http or https URL`);
  const token = environment.token ?? tokenFor(url, [config, local]);
  if (token === undefined) {
    throw new CommandError(`no token for ${url}: set BATON_TOKEN, or log in with \`baton login --url ${url}\``);
  }
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CommandError(`the token for ${url} is none: one word, as \`baton tokens create\` prints it`);
  return { url, token, from };
}

function describeOrigin(
  environment: CliEnvironment,
  urlOption: string | undefined,
  localUrl: string | undefined,
): string {
  if (urlOption !== undefined) return "--url";
  if (environment.url !== undefined) return "BATON_URL";
  return localUrl === undefined ? environment.configFile : STATE_FOLDER;
}

function tokenFor(
  url: string,
  known: readonly ({ readonly url?: string; readonly token?: string } | undefined)[],
): string | undefined {
  const origin = new URL(url).origin;
  return known.find((one) => one?.url !== undefined && one.token !== undefined && new URL(one.url).origin === origin)
    ?.token;
}

interface Local {
  readonly url: string;
  readonly token?: string;
}

async function readLocal(cwd: string): Promise<Local | undefined> {
  for (const folder of foldersOf(cwd)) {
    const local = await readState(join(folder, STATE_FOLDER));
    if (local !== undefined) return local;
  }
  return undefined;
}

/** This folder, then those above it up to the repository's own; outside of any, only this one: above are strangers. */
function foldersOf(cwd: string): string[] {
  const folders: string[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    folders.push(folder);
    if (existsSync(join(folder, ".git"))) return folders;
    if (dirname(folder) === folder) return [cwd];
  }
}

async function readState(folder: string): Promise<Local | undefined> {
  const file = join(folder, STACK_FILE);
  const [stack, token] = await Promise.all([readLine(file), readLine(join(folder, TOKEN_FILE))]);
  const running = stack === undefined ? undefined : parseStack(stack, file);
  // Killed, a stack leaves its file behind.
  if (running === undefined || !(await isHeld(join(folder, LOCK_FILE)))) return undefined;
  return token === undefined ? { url: running.url } : { url: running.url, token };
}

/** `baton up` serves this host alone. A state folder that came with somebody's repository must not name another. */
const stackFile = z.object({ url: z.string().refine(isHttpUrl).refine(isLoopback), pid: z.int().positive() });

function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function parseStack(stack: string, file: string): z.infer<typeof stackFile> {
  try {
    return stackFile.parse(JSON.parse(stack));
  } catch (cause) {
    throw new CommandError(`${file} is not what \`baton up\` writes: remove it`, { cause });
  }
}

/**
 * Whether a stack has the folder's lock: a process id would say nothing in a container that shares the folder. Where that
 * cannot be seen it is taken to run, and the request then tells.
 */
async function isHeld(file: string): Promise<boolean> {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const { tryLock } = await import("../../shared/lib/file-lock.ts");
  try {
    const lock = tryLock(file);
    lock?.release();
    return lock === undefined;
  } catch {
    return true;
  }
}

async function readLine(file: string): Promise<string | undefined> {
  try {
    return (await readTextFile(file, { bytesMax: TOKEN_FILE_BYTES_MAX })).trim() || undefined;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new CommandError(tellTextTrouble(file, cause, fileTrouble), { cause });
  }
}
