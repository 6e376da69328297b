import { spawn } from "node:child_process";
import { directLoopback } from "../../shared/lib/loopback-direct.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { redirectTrouble } from "../../shared/lib/pin-address.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { GIT_LINES_IN_ERROR, GIT_OUTPUT_BYTES_MAX } from "./limits.ts";

/** Git, or something needed to run it, failed. The message ends with its last words, without credentials. */
export class GitError extends Error {
  override readonly name = "GitError";
}

export interface GitContext {
  /** What git inherits of the runner's environment: PATH, proxies, SSH_AUTH_SOCK. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Shown to this URL alone. */
  readonly credential?: UrlCredential;
  /** Settings for this one source. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface UrlCredential {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** As HTTP's Basic authentication writes it. */
export function basicOf({ username, password }: Omit<UrlCredential, "url">): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** Where programs are looked for if the caller names no PATH. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Neither the machine's nor the user's configuration, no hooks, no prompts, no transport that runs commands. Automatic
 * maintenance runs in the foreground, so that it is over when the lock is given back, and deletes nothing that a
 * workspace may still borrow.
 */
const CONFIG = {
  "core.attributesFile": "/dev/null",
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "credential.helper": "",
  "fetch.unpackLimit": "1",
  "gc.autoDetach": "false",
  "gc.pruneExpire": "never",
  // A server that redirects may name any other, one that only this host reaches, too.
  "http.followRedirects": "false",
  "http.lowSpeedLimit": "1000",
  "http.lowSpeedTime": "60",
  "maintenance.autoDetach": "false",
  "protocol.ext.allow": "never",
  "transfer.bundleURI": "false",
  "safe.directory": "*",
} as const;

/** Runs a program of the checkout in its own process group, and kills the group when `signal` aborts. Returns its output. */
export async function run(
  context: GitContext,
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** Written to its standard input, which is empty otherwise. */
    readonly input?: string;
  } = {},
): Promise<string> {
  context.signal.throwIfAborted();
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: {
      PATH: DEFAULT_PATH,
      ...context.env,
      ...directLoopback(context.env),
      ...gitEnvironment(context),
      ...options.env,
    },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  // One that ends without reading says why by its exit code.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  const output = keepTail(child.stdout);
  const errors = keepTail(child.stderr);
  const kill = () => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  context.signal.addEventListener("abort", kill, { once: true });
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status, killedBy) => resolve(status ?? killedBy ?? "unknown"));
    });
    context.signal.throwIfAborted();
    if (code === 0) return output();
    const said = lastLines(errors() || output(), context.credential);
    throw new GitError(`git failed (${code}): ${redirectTrouble(said) ?? said}`);
  } catch (cause) {
    if (cause instanceof GitError || context.signal.aborted) throw cause;
    throw new GitError(`cannot run ${command}: ${messageOf(cause)}`, { cause });
  } finally {
    context.signal.removeEventListener("abort", kill);
  }
}

/**
 * A credential is in the environment of git alone: not in the arguments, which every user of a host can read, and not in a
 * repository's configuration.
 */
function gitEnvironment({ credential, config: own = {} }: GitContext): Record<string, string> {
  const entries = Object.entries({ ...CONFIG, ...own }).map(([key, value]): readonly [string, string] => [key, value]);
  if (credential !== undefined)
    entries.push([`http.${credential.url}.extraHeader`, `Authorization: Basic ${basicOf(credential)}`]);
  const config = entries.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    ...Object.fromEntries(config),
    GIT_CONFIG_COUNT: String(entries.length),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "http:https:ssh",
    GIT_SSH_COMMAND: "ssh -o BatchMode=yes",
    LC_ALL: "C",
  };
}

function keepTail(stream: NodeJS.ReadableStream): () => string {
  let tail: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-GIT_OUTPUT_BYTES_MAX);
  });
  return () => tail.toString("utf8");
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: it ended by itself in this moment.
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

/** Without what the server may have said back of the credential. */
function lastLines(text: string, credential: UrlCredential | undefined): string {
  const hidden = credential === undefined ? [] : [credential.password, basicOf(credential)];
  const lines = redact(hidden.reduce((shown, value) => shown.replaceAll(value, "***"), text))
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== "");
  const kept = lines.slice(-GIT_LINES_IN_ERROR).map((line) => line.replace(NO_GIT, "$1"));
  return kept.join("; ");
}

/** What a server that speaks no git has answered is nobody's business. */
const NO_GIT = /(invalid server response|protocol error|bad line length).*/;

/** Without the user and password of any URL in it. */
export function redact(text: string): string {
  return text.replace(/:\/\/[^/\s@]*@/g, "://***@");
}
