/**
 * Calls of this machine to itself never go through a proxy. Node sends them there where it is told to use proxies and
 * NO_PROXY does not name them, and a proxy's 127.0.0.1 is another machine.
 */

const LOOPBACK = ["localhost", "127.0.0.1", "::1", "[::1]"];
const NO_PROXY = ["NO_PROXY", "no_proxy"] as const;
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);

type Environment = Record<string, string | undefined>;

/** As the user has set them: what children get that are not ours. */
const asFound: Environment = {};

/**
 * To be called first in a program's main, with its environment, which it changes. Every other host is reached as before:
 * by `fetch`, whose dispatcher reads NO_PROXY at each call, and by Node's global agents, which are made anew.
 */
export function keepLoopbackDirect(env: Environment): void {
  if (!PROXIES.some((name) => present(env[name]))) return;
  for (const name of NO_PROXY) asFound[name] = env[name];
  const direct = withLoopback(env["no_proxy"] ?? env["NO_PROXY"]);
  for (const name of NO_PROXY) env[name] = direct;
  if (!usesProxies(env)) return;
  const http = process.getBuiltinModule("node:http");
  const https = process.getBuiltinModule("node:https");
  const options = { keepAlive: true, scheduling: "lifo", timeout: 5_000, proxyEnv: { ...env } } as const;
  http.globalAgent = new http.Agent(options);
  https.globalAgent = new https.Agent(options);
}

/** The three ways to tell Node. */
function usesProxies(env: Environment): boolean {
  const flags = [...process.execArgv, ...(env["NODE_OPTIONS"] ?? "").split(/\s+/)];
  return env["NODE_USE_ENV_PROXY"] === "1" || flags.includes("--use-env-proxy");
}

/** The environment with NO_PROXY as the user has it. */
export function withUsersProxies(env: Environment): Environment {
  if (!Object.hasOwn(asFound, "NO_PROXY")) return env;
  return { ...env, ...asFound };
}

/** Where a program of others, such as git, calls this machine for us. */
export function directLoopback(env: Environment): Record<string, string> {
  const direct = withLoopback(env["no_proxy"] ?? env["NO_PROXY"]);
  return PROXIES.some((name) => present(env[name])) ? { NO_PROXY: direct, no_proxy: direct } : {};
}

function withLoopback(given: string | undefined): string {
  const hosts = (given ?? "").split(/[\s,]+/).filter((host) => host !== "");
  return hosts.includes("*") ? "*" : [...new Set([...hosts, ...LOOPBACK])].join(",");
}

const present = (value: string | undefined): boolean => value !== undefined && value !== "";
