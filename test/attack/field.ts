import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../localstack/free-port.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { type Client, makeClient, UnreachableError } from "../../shared/protocol/client.ts";
import type { JobView } from "../../shared/protocol/runs.ts";
import { eventually } from "../support/eventually.ts";
import { signal } from "../support/processes.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";
import { type Dice, makeDice } from "./dice.ts";
import { type Faults, NO_FAULTS, writeFaults } from "./faults.ts";
import { type Network, startNetwork } from "./network.ts";
import { processesNaming } from "./orphans.ts";
import { pipelineOf, type Task } from "./plan.ts";
import { readWitness, type Sign } from "./witness.ts";

/** One place of attack: a control plane that can be killed, runners behind a network that can be cut, and a witness. */
export interface Field {
  readonly dir: string;
  readonly dice: Dice;
  /** The oracle's own way to the control plane, past the network under attack. */
  readonly client: Client;
  readonly network: Network;
  readonly runners: readonly RunnerProcess[];
  readonly runs: ReadonlyMap<string, readonly Task[]>;
  /** What SQS and S3 do from now on; the rest does as ever. */
  setFaults(faults: Partial<Faults>): void;
  addRunner(options?: {
    readonly slots?: number;
    readonly workDir?: string;
    /** A program that becomes the runner, with its own arguments. */
    readonly by?: readonly string[];
  }): Promise<RunnerProcess>;
  /** What the command line needs to reach the control plane, past the network under attack. */
  environment(): { readonly BATON_URL: string; readonly BATON_TOKEN: string };
  /** SIGKILL of the control plane with its table, queues and bucket, then a new one on the same state and port. */
  restartStack(downMs?: number): Promise<void>;
  createRun(tasks: readonly Task[]): Promise<string>;
  job(run: string, job: string): Promise<JobView>;
  /** Waits for a run's end, through restarts. */
  runEnds(run: string, withinMs: number): Promise<void>;
  witness(): readonly Sign[];
  /** Waits until a task has given a sign in an attempt of at least that fence. */
  sees(run: string, job: string, sign: Sign["sign"], fence?: number, withinMs?: number): Promise<Sign>;
  /** Ends everything, and counts what outlives it. Runners stop first, so that what is left is an orphan. */
  close(): Promise<{ readonly orphans: readonly string[] }>;
}

const MAIN = fileURLToPath(new URL("faulty-stack.ts", import.meta.url));
const LOOK_MS = 100;
/** Many runs are waited for at once: the oracle must not be the load. */
const LOOK_AT_RUN_MS = 500;
const SEES_MS = 60_000;
const ORPHANS_END_MS = 10_000;
const RESTART_TRIES_MAX = 3;

export async function openField(seed: number): Promise<Field> {
  const dir = mkdtempSync(join(tmpdir(), "baton-attack-"));
  const stateDir = join(dir, "state");
  const witnessFile = join(dir, "witness");
  mkdirSync(stateDir, { mode: 0o700 });
  const faults = { ...NO_FAULTS };
  writeFaults(stateDir, faults);
  const dice = makeDice(seed);
  const port = await freePort();
  const start = () => spawnStack({ stateDir, port, main: MAIN });
  let stack: SpawnedStack = await start();
  const network = await startNetwork(port, dice);
  const client = makeClient({ url: stack.url, token: stack.token });
  const runners: RunnerProcess[] = [];
  const runs = new Map<string, readonly Task[]>();

  const field: Field = {
    dir,
    dice,
    client,
    network,
    runners,
    runs,
    setFaults(change) {
      Object.assign(faults, change);
      writeFaults(stateDir, faults);
    },
    environment: () => ({ BATON_URL: stack.url, BATON_TOKEN: stack.token }),
    async addRunner({ slots = 2, workDir, by = [] } = {}) {
      const number = runners.length + 1;
      const folder = workDir ?? join(dir, `work-${number}`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // Nothing outlives an attack that is itself killed.
      const args = ["--slots", String(slots), "--name", `r${number}`, "--exit-with-parent"];
      const runner = await spawnRunner({ url: network.url, token: stack.token, args, workDir: folder, by });
      runners.push(runner);
      return runner;
    },
    async restartStack(downMs = 0) {
      stack.kill();
      await stack.exited;
      if (downMs > 0) await passes(downMs);
      stack = await restarted(start);
    },
    async createRun(tasks) {
      const text = pipelineOf(tasks, witnessFile);
      const key = `attack-${crypto.randomUUID()}`;
      const body = { definition: { path: "attack.yml", text } };
      const id = await through(
        "a run is created",
        async () => (await client.call("createRun", { body, headers: { "idempotency-key": key } })).run.id,
      );
      runs.set(id, tasks);
      return id;
    },
    job: (run, job) =>
      through(`job ${job} is read`, async () => (await client.call("getJob", { params: { run, job } })).job),
    async runEnds(run, withinMs) {
      const look = async () => {
        const { run: seen } = await through(`run ${run} is read`, () => client.call("getRun", { params: { run } }));
        return isRunEnded(seen.state);
      };
      await eventually(`run ${run} ends`, look, withinMs, LOOK_AT_RUN_MS);
    },
    witness: () => readWitness(witnessFile),
    sees(run, job, sign, fence = 1, withinMs = SEES_MS) {
      const look = () =>
        field.witness().find((one) => one.run === run && one.job === job && one.sign === sign && one.fence >= fence);
      return eventually(`${job} of ${run} says ${sign} in attempt ${fence}`, look, withinMs, LOOK_MS);
    },
    close: () => close({ dir, stack: () => stack, network, runners, runs: () => [...runs.keys()] }),
  };
  return field;
}

/** A bounded time in which nothing is waited for but the time itself: a fault's length. */
export async function passes(ms: number): Promise<void> {
  const untilMs = systemClock.monotonicMs() + ms;
  await eventually(`${ms} ms pass`, () => systemClock.monotonicMs() >= untilMs, ms + SEES_MS, Math.min(ms, LOOK_MS));
}

/** Waits until a runner takes offers. A busy machine starts one slowly. */
export async function isReady(runner: RunnerProcess): Promise<void> {
  await eventually("a runner is ready", () => runner.events.some(({ type }) => type === "ready"), SEES_MS, LOOK_MS);
}

/** Calls until the control plane answers: it may just be down. */
async function through<T>(what: string, call: () => Promise<T>): Promise<T> {
  const found = await eventually(
    what,
    async () => {
      try {
        return { value: await call() };
      } catch (error) {
        if (error instanceof UnreachableError || isPassing(error)) return undefined;
        throw error;
      }
    },
    SEES_MS,
    LOOK_MS,
  );
  return found.value;
}

const isPassing = (error: unknown): boolean =>
  error instanceof Error && "status" in error && Number(error.status) >= 500;

/** The port of a killed stack may be taken for a moment. */
async function restarted(start: () => Promise<SpawnedStack>): Promise<SpawnedStack> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries >= RESTART_TRIES_MAX) throw error;
      await passes(LOOK_MS);
    }
  }
}

async function close(field: {
  readonly dir: string;
  readonly stack: () => SpawnedStack;
  readonly network: Network;
  readonly runners: readonly RunnerProcess[];
  readonly runs: () => readonly string[];
}): Promise<{ readonly orphans: readonly string[] }> {
  // Before the runners end: what an ended run left running is nobody's any more.
  const marks = field.runs();
  const orphans = marks.length === 0 ? [] : await whatStays(marks);
  await Promise.all(field.runners.map((runner) => endRunner(runner)));
  await field.stack().stop();
  await field.network.close();
  const left = await whatStays([...marks, field.dir]);
  for (const { pid } of left) signal(pid, "SIGKILL");
  rmSync(field.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  return { orphans: [...new Set([...orphans, ...left].map(({ pid, command }) => `${pid} ${command.slice(0, 200)}`))] };
}

async function endRunner({ child, exited }: RunnerProcess): Promise<void> {
  child.kill("SIGCONT");
  child.kill("SIGKILL");
  await exited;
}

/** What still lives after the time that killing takes. */
async function whatStays(marks: readonly string[]): Promise<ReturnType<typeof processesNaming>> {
  const untilMs = systemClock.monotonicMs() + ORPHANS_END_MS;
  return eventually(
    "processes end",
    () => {
      const found = processesNaming(marks);
      return (found.length === 0 || systemClock.monotonicMs() > untilMs) && found;
    },
    2 * ORPHANS_END_MS,
    LOOK_MS,
  );
}
