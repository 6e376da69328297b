import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../shared/lib/clock.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { adminReply } from "../../shared/protocol/admin.ts";
import { freePort } from "../free-port.ts";
import { AWS_REGION } from "../names.ts";
import type { DeployLocalEnvironment } from "./environment.ts";
import { CannotTry, installServer } from "./install-server.ts";
import type { DeployLocalOptions } from "./options.ts";
import { inSeconds, makeProgress, type Progress } from "./progress.ts";
import { runProgram } from "./run-program.ts";
import { bootstrapToolkit, type CdkGround, type Deployed, deployStacks, destroyStacks, synthesise } from "./stacks.ts";
import { type LocalServer, startServer } from "./start-server.ts";

/** Deploys Baton to a LocalStack-compatible server, plays the suite against it, and takes it down. */

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Any will do: the server's own account trusts them. */
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

const FAILED_EXIT = 1;
const CANNOT_TRY_EXIT = 2;
const INTERRUPTED_EXIT = 130;

const TAKE_DOWN_MS = 120_000;

/** What one deployment stands on. */
interface Ground {
  readonly options: DeployLocalOptions;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Everything that is written is below. */
  readonly folder: string;
  /** Undefined: the server is somebody else's. */
  readonly server: LocalServer | undefined;
  readonly endpoint: string;
  /** Of every program: no credentials but the server's. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the suite's GitHub will answer. */
  readonly forgePort: number;
}

/** The exit code. */
export async function deployLocal(
  options: DeployLocalOptions,
  environment: DeployLocalEnvironment,
  signal: AbortSignal,
): Promise<number> {
  const progress = makeProgress((text) => void (options.json ? process.stderr : process.stdout).write(text));
  const folder = await mkdtemp(join(tmpdir(), "baton-deploy-"));
  let kept = false;
  let ground: Ground | undefined;
  let exit = 0;
  try {
    ground = await findServer(options, environment, progress, folder, signal);
    kept = await tryOut(ground);
  } catch (error) {
    exit = error instanceof CannotTry ? CANNOT_TRY_EXIT : FAILED_EXIT;
    if (signal.aborted) exit = INTERRUPTED_EXIT;
    tell(progress, error, ground);
  } finally {
    if (!kept) {
      await ground?.server?.stop();
      await removeWholeTree(folder);
    }
  }
  const ms = Math.round(systemClock.monotonicMs() - progress.startedAtMs);
  progress.say(`${exit === 0 ? "passed" : "not passed"}, in ${inSeconds(ms)}`);
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: exit === 0, ms, steps: progress.steps }, null, 2)}\n`);
  return exit;
}

function tell(progress: Progress, error: unknown, ground: Ground | undefined): void {
  const message = messageOf(error);
  const cannotTry = error instanceof CannotTry;
  progress.say(cannotTry ? `Baton cannot be deployed here: ${message}` : message);
  if (ground?.server !== undefined && !cannotTry && !ground.signal.aborted)
    progress.say(`the server's log ends with:\n${ground.server.tail()}`);
}

async function findServer(
  options: DeployLocalOptions,
  { endpoint, inherited }: DeployLocalEnvironment,
  progress: Progress,
  folder: string,
  signal: AbortSignal,
): Promise<Ground> {
  const run = { cwd: folder, env: inherited, signal };
  const aws = {
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    CDK_DISABLE_NOTICES: "1",
    CI: "1",
    NO_COLOR: "1",
  };
  const forgePort = await freePort();
  const ground = { options, progress, signal, folder, forgePort };
  if (endpoint !== undefined) {
    progress.say(`the server is ${endpoint} (AWS_ENDPOINT_URL); whether credentials are checked there is not tried`);
    return { ...ground, server: undefined, endpoint, env: { ...inherited, ...aws, AWS_ENDPOINT_URL: endpoint } };
  }
  const cache = join(root, "node_modules", ".cache", "baton");
  const packages = await progress.step("install the server from PyPI, or find it", () => installServer(cache, run));
  const server = await progress.step("start it, with TLS and IAM enforced", () => startServer(packages, folder, run));
  const tls = { NODE_EXTRA_CA_CERTS: server.certificate, AWS_CA_BUNDLE: server.certificate };
  const env = { ...inherited, ...aws, ...tls, AWS_ENDPOINT_URL: server.endpoint };
  return { ...ground, server, endpoint: server.endpoint, env };
}

/** True where it was left up. */
async function tryOut(ground: Ground): Promise<boolean> {
  const { progress, env, signal, folder, endpoint, options, forgePort } = ground;
  const cdk: CdkGround = { root, folder, endpoint, env, signal };
  const forgeHosts = `127.0.0.1:${forgePort}`;
  await progress.step("cdk synth, with cdk-nag", () => synthesise(cdk, { forgeHosts }));
  await progress.step("cdk bootstrap", () => bootstrapToolkit(cdk));
  let passed = false;
  try {
    const deployed = await progress.step("cdk deploy --all", () => deployStacks(cdk));
    const token = await progress.step("baton bootstrap", () => firstToken(ground, deployed));
    await progress.step("the API answers", () =>
      baton(ground, { BATON_URL: deployed.url, BATON_TOKEN: token }, "tokens", "list"),
    );
    await progress.step("the suite, with runners of its own", () => playSuite(ground, deployed, token));
    passed = true;
    if (options.keep) tellHowToUse(ground, deployed, token);
    return options.keep;
  } finally {
    if (!(passed && options.keep)) await takeDown(ground, { ...cdk, signal: AbortSignal.timeout(TAKE_DOWN_MS) });
  }
}

const baton = (ground: Ground, env: Readonly<Record<string, string>>, ...args: string[]) =>
  runProgram({
    command: process.execPath,
    args: [join(root, "cli", "baton.mjs"), ...args],
    cwd: ground.folder,
    env: { ...ground.env, ...env },
    signal: ground.signal,
  });

async function firstToken(ground: Ground, { adminFunction }: Deployed): Promise<string> {
  const answer = await baton(ground, {}, "bootstrap", "--function", adminFunction, "--json");
  return adminReply.parse(JSON.parse(answer)).token;
}

async function playSuite(ground: Ground, { url }: Deployed, token: string): Promise<void> {
  const { progress, env, folder, signal, forgePort, server } = ground;
  // Neither command nor runner has AWS credentials: they speak to Baton, and it tells them what else they need.
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("AWS_"));
  const forge = { BATON_FORGE_PORT: String(forgePort) };
  // What somebody else's server checks is not known.
  const credentials = server === undefined ? { BATON_CREDENTIALS: "unchecked" } : {};
  await runProgram({
    command: process.execPath,
    args: [join(root, "test", "e2e", "suite", "main.ts")],
    cwd: folder,
    env: { ...Object.fromEntries(kept), ...forge, ...credentials, BATON_URL: url, BATON_TOKEN: token },
    signal,
    onLine: (line) => progress.say(`    ${line}`),
  });
}

/** The parameters that no stack made go too; what is still there then is a failure. */
async function takeDown({ progress }: Ground, cdk: CdkGround): Promise<void> {
  await progress.step("cdk destroy --all", () => destroyStacks(cdk));
  await progress.step("nothing is left", async () => {
    const { env, folder: cwd, signal } = cdk;
    const program = fileURLToPath(new URL("leftovers/main.ts", import.meta.url));
    const left = await runProgram({ command: process.execPath, args: [program], cwd, env, signal });
    if (left !== "") throw new Error(`still there:\n${left}`);
  });
}

function tellHowToUse(
  { progress, server, folder, env }: Ground,
  { url, adminFunction }: Deployed,
  token: string,
): void {
  server?.letLive();
  const trust = env["NODE_EXTRA_CA_CERTS"];
  progress.say(`
Baton is deployed. To use it:

  export BATON_URL='${url}'
  export BATON_TOKEN='${token}'${trust === undefined ? "" : `\n  export NODE_EXTRA_CA_CERTS='${trust}'`}
  (umask 077; npx baton tokens create --name laptop --scope runner --pool default > ${folder}/runner-token)
  npx baton runner --url "$BATON_URL" --token-file ${folder}/runner-token --allow-source "$PWD" &
  npx baton runs create examples/hello.yml --follow

Its function for tokens is ${adminFunction}; its files are in ${folder}.${
    server === undefined
      ? ""
      : `\nThe server's log is ${server.logFile}. To end it: kill -- -${server.pid}; rm -r ${folder}`
  }
`);
}
