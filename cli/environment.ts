import { join } from "node:path";
import { homeFolder } from "../shared/lib/home-folder.ts";
import { withUsersProxies } from "../shared/lib/loopback-direct.ts";
import { CommandError } from "./command-error.ts";

/** All that the command takes from its environment, read once. */
export interface CliEnvironment {
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** The user's config file: it may not exist. */
  readonly configFile: string;
  /** Where runners keep what they cache, unless they are told otherwise. */
  readonly cacheFolder: string;
  readonly cwd: string;
  /** True: stack traces with errors. */
  readonly debug: boolean;
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
  /** What child processes get: ours, without the token. */
  readonly childEnv: Readonly<Record<string, string>>;
}

/** Reads the process's environment and terminals. An empty variable counts as absent. */
export function readEnvironment(): CliEnvironment {
  const env = process.env;
  const configHome = present(env["XDG_CONFIG_HOME"]) ?? join(homeFolder(), ".config");
  return {
    url: present(env["BATON_URL"]),
    token: present(env["BATON_TOKEN"]),
    configFile: join(configHome, "baton", "config.yml"),
    cacheFolder: join(present(env["XDG_CACHE_HOME"]) ?? join(homeFolder(), ".cache"), "baton"),
    cwd: currentFolder(),
    debug: present(env["BATON_DEBUG"]) !== undefined,
    colour: { stdout: wantsColour(env, process.stdout.isTTY), stderr: wantsColour(env, process.stderr.isTTY) },
    childEnv: withoutToken(withUsersProxies(env)),
  };
}

/** A shell may stand in a folder that somebody has removed. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new CommandError("the current folder is not there any more: change to one that is", { cause });
  }
}

/** https://no-color.org and https://force-color.org; FORCE_COLOR=0 says no. NO_COLOR wins. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (present(env["NO_COLOR"]) !== undefined) return false;
  const forced = present(env["FORCE_COLOR"]);
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

function withoutToken(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || name === "BATON_TOKEN" ? [] : [[name, value] as const],
  );
  return Object.fromEntries(kept);
}
