import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { DEFAULT_POOLS } from "../../shared/resources.ts";
import { CommandError } from "../command-error.ts";
import { STATE_FOLDER } from "../config/find-server.ts";
import { readServerConfig } from "../config/read-server-config.ts";
import type { Context } from "../context.ts";
import { SIGNAL_EXIT, type StopSignal } from "../exit-codes.ts";
import { checkSecretsFile, type GivenSecrets } from "../local/check-secrets-file.ts";
import { findWalls, type Walls } from "../local/find-walls.ts";
import type { KeptRunner } from "../local/keep-runner.ts";
import { type LocalStack, RUNNER_LOG, stackEnd, startRunner, tailOf } from "../local/local-stack.ts";
import { onStopSignals } from "../local/stop-signals.ts";
import { findRepository } from "../snapshot/repository.ts";

interface UpOptions {
  readonly port?: number;
  readonly state?: string;
  readonly slots?: number;
  readonly pool?: readonly string[];
  readonly secretsFile?: string;
  readonly runner: boolean;
  readonly sandbox: boolean;
  readonly expose?: readonly string[];
}

/** A runner with jobs gives them back or ends them; then it is killed, and its watchdogs end what is left. */
const DRAIN_MS = 15_000;
const RESTARTS_MAX = 10;
const PORT_DEFAULT = 4_800;

/** `baton up`: a control plane with its state in a folder, and a runner, until a signal. */
export async function upCommand(context: Context, given: UpOptions): Promise<void> {
  const { cwd } = context.environment;
  const options = { ...(await readServerConfig(cwd)), ...given };
  const { secretsFile } = options;
  const secrets = secretsFile === undefined ? undefined : await checkSecretsFile(context, resolve(cwd, secretsFile));
  const stateDir = resolve(cwd, options.state ?? STATE_FOLDER);
  // A runner elsewhere has its own walls, and its own --help.
  const walls = options.runner ? await wallsOf(context, options, stateDir) : undefined;
  const local: LocalStack = {};
  const stopped = Promise.withResolvers<StopSignal>();
  const unlisten = onStopSignals(context.clock, stopped.resolve, () => {
    local.runner?.kill();
    local.stack?.kill();
    process.exit(SIGNAL_EXIT.SIGTERM);
  });
  try {
    await makeStateFolder(stateDir);
    const stack = await spawnStack({
      stateDir,
      port: options.port ?? PORT_DEFAULT,
      pools: options.pool ?? DEFAULT_POOLS,
    });
    local.stack = stack;
    if (stack.exposed !== undefined) await context.err.write(`baton: not safe on a shared machine: ${stack.exposed}\n`);
    if (options.runner)
      local.runner = await startUpRunner(context, { ...options, secrets }, stateDir, Promise.resolve(stack), walls);
    await context.out.write(
      printWelcome({ ...stack, stateDir, isFound: stateDir === resolve(cwd, STATE_FOLDER), runner: options.runner }),
    );
    const signal = await Promise.race([stopped.promise, failure(local, stack, stateDir, context)]);
    await context.err.write("stopping; once more kills\n");
    process.exitCode = signal === "SIGINT" ? 0 : SIGNAL_EXIT[signal];
  } finally {
    await local.runner?.stop(DRAIN_MS);
    await local.stack?.stop();
    unlisten();
  }
}

/** The folder ignores itself: its tokens must not get into a commit, nor into a snapshot of the working tree. */
async function makeStateFolder(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    // Never over a file that is there: where another user made the folder, it may be a link to anywhere.
    await writeFile(join(stateDir, ".gitignore"), "*\n", { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if (systemCode(cause) === "EEXIST" && (await isFolder(stateDir))) return;
    throw new CommandError(`the state folder ${stateDir} cannot be made: ${fileTrouble(cause)}`, { cause });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

async function startUpRunner(
  context: Context,
  options: UpOptions & { readonly secrets: GivenSecrets | undefined },
  stateDir: string,
  stack: Promise<SpawnedStack>,
  walls: Walls | undefined,
): Promise<KeptRunner> {
  const { childEnv } = context.environment;
  // Runs of this repository may be read from the disk; any other local path is refused by the runner.
  const project = await projectOf(context);
  return startRunner({
    stack,
    folder: stateDir,
    clock: context.clock,
    restartsMax: RESTARTS_MAX,
    onRestart: (how) =>
      void context.err.write(`baton: the runner ${how}; it is started again (see ${join(stateDir, RUNNER_LOG)})\n`),
    runner: {
      allowSources: [project],
      pools: options.pool ?? DEFAULT_POOLS,
      env: childEnv,
      ...(walls === undefined ? {} : { sandbox: walls }),
      ...(options.slots === undefined ? {} : { slots: options.slots }),
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
    },
  });
}

async function wallsOf(context: Context, options: UpOptions, stateDir: string): Promise<Walls | undefined> {
  const pools = options.pool ?? DEFAULT_POOLS;
  return findWalls(context, { ...options, pools, stateDir, project: await projectOf(context) });
}

const projectOf = async ({ environment: { cwd, childEnv } }: Context) =>
  (await findRepository(cwd, childEnv))?.root ?? (await realpath(cwd));

/** Rejects when the control plane ends. A runner that is given up leaves the control plane to its other runners. */
async function failure(local: LocalStack, stack: SpawnedStack, stateDir: string, context: Context): Promise<never> {
  void local.runner?.givenUp.then((why) =>
    context.err.write(`baton: ${why}; given up, see ${join(stateDir, RUNNER_LOG)}\n`),
  );
  const why = await stackEnd(stack);
  throw new CommandError(`${why}; see ${stack.logFile}`, { notes: await tailOf(stack.logFile) });
}

function printWelcome(up: {
  url: string;
  tokenFile: string;
  runnerTokenFile: string;
  logFile: string;
  stateDir: string;
  /** Other commands look in the usual folder alone. */
  isFound: boolean;
  runner: boolean;
}): string {
  const runner = up.runner
    ? `  runner log    ${join(up.stateDir, RUNNER_LOG)}`
    : `  no runner     baton runner --url ${up.url} --token-file ${up.runnerTokenFile}`;
  const first = up.isFound ? "" : `  First         export BATON_URL=${up.url} BATON_TOKEN="$(cat '${up.tokenFile}')"\n`;
  return `Baton is up at ${up.url}
  token         ${up.tokenFile}
  log           ${up.logFile}
${runner}

${first}  Start a run   baton runs create --follow
  See runs      baton runs list
  Stop          Ctrl-C
`;
}
