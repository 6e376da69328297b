import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { POOL_FORKS } from "../../shared/domain/plan.ts";
import { openSandbox, type Sandbox } from "./open-sandbox.ts";
import type { Trust } from "./plan-sandbox.ts";

/** Where people keep what opens other machines; with the runner's user's own keys a step could come back as that user. */
const CREDENTIALS = [
  ...[".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".npmrc", ".pypirc", ".git-credentials"],
  ...[".config/gcloud", ".config/gh", ".config/git/credentials", ".local/share/keyrings"],
];

/** What the sandboxes of one runner are made for. */
export interface RunnerSandboxOptions {
  readonly path: string;
  readonly pools: readonly string[];
  /** The user's homes, by the environment and by the user database. */
  readonly homes: readonly string[];
  /** The folder of Baton's own settings, and all that the operator named. */
  readonly hide: readonly string[];
  readonly readOnly: readonly string[];
  readonly expose: readonly string[];
  /** A hidden folder for a trial. */
  readonly scratch: string;
}

/** The sandbox of a runner, tried out for each of its pools; or why there is none. */
export function openRunnerSandbox(options: RunnerSandboxOptions): Promise<Sandbox | { readonly why: string }> {
  const { path, pools, homes, hide, readOnly, expose, scratch } = options;
  const given = new Set(expose);
  const credentials = homes.flatMap((home) => CREDENTIALS.map((name) => join(home, name)));
  return openSandbox(
    {
      path,
      hide: [...hide, ...credentials.filter((file) => !given.has(file)), "/etc/baton-runner"],
      readOnly: [...readOnly, ...homes, ownProgram()],
      expose,
    },
    [...new Set(pools.map((pool) => trustOf(pools, pool)))],
    scratch,
  );
}

/**
 * A runner's first pool is its operator's own; all others, and the one for forks wherever it stands, are foreign. A
 * control plane that does not say whose job it is may mean any of them.
 */
export function trustOf(pools: readonly string[], pool: string | undefined): Trust {
  const [first] = pools;
  const isOwn = pool === undefined ? pools.length === 1 && first !== POOL_FORKS : pool === first;
  return isOwn && pool !== POOL_FORKS ? "own" : "foreign";
}

/** The folder of the program that runs: what is written there runs outside of any sandbox the next time. */
function ownProgram(): string {
  const started = dirname(process.argv[1] ?? process.execPath);
  for (let folder = started; folder !== dirname(folder); folder = dirname(folder))
    if (existsSync(join(folder, "package.json"))) return folder;
  return started;
}
