import { openSync } from "node:fs";
import { realpath, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { POOL_FORKS } from "../../shared/domain/plan.ts";
import { flattenAlternates } from "../../shared/lib/alternates.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { makeFolderPath } from "../../shared/lib/make-folder-path.ts";
import { keepLogging, makeSteadyWriter } from "../../shared/lib/steady-output.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { DEFAULT_POOLS } from "../../shared/resources.ts";
import { CommandError } from "../command-error.ts";
import { STATE_FOLDER } from "../config/find-server.ts";
import { readServerConfig } from "../config/read-server-config.ts";
import type { Context } from "../context.ts";
import { SIGNAL_EXIT, type StopSignal } from "../exit-codes.ts";
import { checkOpenFiles } from "../local/check-open-files.ts";
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
  checkOpenFiles(options.slots);
  const { secretsFile } = options;
  const secrets = secretsFile === undefined ? undefined : await checkSecretsFile(context, resolve(cwd, secretsFile));
  const stateDir = resolve(cwd, options.state ?? STATE_FOLDER);
  // A runner elsewhere has its own walls, and its own --help.
  const walls = options.runner ? await wallsOf(context, options, stateDir) : undefined;
  // Who started it may close the terminal or leave a pager: it serves others, too.
  keepLogging();
  const local: LocalStack = {};
  const stopped = Promise.withResolvers<StopSignal>();
  const unlisten = onStopSignals(context.clock, stopped.resolve, () => {
    local.runner?.kill();
    local.stack?.kill();
    process.exit(SIGNAL_EXIT.SIGTERM);
  });
  try {
    await makeStateFolder(stateDir);
    const folders = await servedFolders(context);
    const stack = await spawnStack({
      stateDir,
      port: options.port ?? PORT_DEFAULT,
      pools: options.pool ?? DEFAULT_POOLS,
      sources: folders,
    });
    local.stack = stack;
    const log = openLog(stack.logFile);
    const say = sayAndLog(context, log);
    if (stack.exposed !== undefined) await context.err.write(`baton: not safe on a shared machine: ${stack.exposed}\n`);
    if (options.runner)
      local.runner = await startUpRunner(context, { ...options, secrets }, stateDir, { stack, walls, say });
    const isFound = stateDir === resolve(cwd, STATE_FOLDER);
    const elsewhere = options.runner ? undefined : runnerElsewhere(stack, options.pool ?? DEFAULT_POOLS, folders);
    await context.out.write(printWelcome({ ...stack, stateDir, isFound, elsewhere }));
    void local.runner?.givenUp.then((why) => say(`${why}; given up, see ${join(stateDir, RUNNER_LOG)}`));
    const signal = await Promise.race([stopped.promise, failure(stack, log)]);
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
    makeFolderPath(stateDir, 0o700);
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
  { stack, walls, say }: { readonly stack: SpawnedStack; readonly walls: Walls | undefined; readonly say: Say },
): Promise<KeptRunner> {
  const { childEnv } = context.environment;
  return startRunner({
    stack: Promise.resolve(stack),
    folder: stateDir,
    clock: context.clock,
    restartsMax: RESTARTS_MAX,
    onRestart: (how) => say(`the runner ${how}; it is started again (see ${join(stateDir, RUNNER_LOG)})`),
    runner: {
      allowSources: await servedFolders(context),
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

/** Runs of this repository may be read from the disk, by control plane and runner; any other local path is refused by both. */
async function servedFolders(context: Context): Promise<string[]> {
  const { cwd, childEnv } = context.environment;
  const repository = await findRepository(cwd, childEnv);
  if (repository === undefined) return [await realpath(cwd)];
  return [repository.root, ...(await flattenAlternates([repository.objects]))];
}

const projectOf = async ({ environment: { cwd, childEnv } }: Context) =>
  (await findRepository(cwd, childEnv))?.root ?? (await realpath(cwd));

/** Rejects when the control plane ends. A runner that is given up leaves the control plane to its other runners. */
async function failure(stack: SpawnedStack, log: Say): Promise<never> {
  const why = await stackEnd(stack);
  log(why);
  throw new CommandError(`${why}; see ${stack.logFile}`, { notes: await tailOf(stack.logFile) });
}

type Say = (message: string) => void;

/** Nobody may read the terminal any more: what matters stands in the control plane's log, too. */
function sayAndLog({ err }: Context, log: Say): Say {
  return (message) => {
    log(message);
    void err.write(`baton: ${message}\n`);
  };
}

function openLog(logFile: string): Say {
  const write = makeSteadyWriter(openSync(logFile, "a", 0o600));
  return (message) => write(Buffer.from(`${JSON.stringify({ level: "WARN", message, service: "up" })}\n`));
}

/** Serves all pools but that of forks, which needs a runner, a user and a token of its own; and this repository. */
function runnerElsewhere(
  { url, runnerTokenFile }: SpawnedStack,
  pools: readonly string[],
  folders: readonly string[],
): string {
  const own = pools.filter((pool) => pool !== POOL_FORKS);
  return [
    `baton runner --url ${url} --token-file ${shellWord(runnerTokenFile)}`,
    ...own.map((pool) => `--pool ${pool}`),
    ...outermost(folders).map((folder) => `--allow-source ${shellWord(folder)}`),
  ].join(" ");
}

const outermost = (folders: readonly string[]) =>
  folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));

const shellWord = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

function printWelcome(up: {
  url: string;
  tokenFile: string;
  logFile: string;
  stateDir: string;
  /** Other commands look in the usual folder alone. */
  isFound: boolean;
  /** The command that starts a runner, where there is none here. */
  elsewhere: string | undefined;
}): string {
  const runner =
    up.elsewhere === undefined ? `  runner log    ${join(up.stateDir, RUNNER_LOG)}` : `  no runner     ${up.elsewhere}`;
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
