import { Registry } from "prom-client";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { apiRoutes } from "../../../functions/http/api-routes.ts";
import { httpLambda } from "../../../functions/http/http-lambda.ts";
import { leaseRoutes } from "../../../functions/http/lease-routes.ts";
import { webhookRoutes } from "../../../functions/http/webhook-routes.ts";
import { planLambda, reconcileLambda } from "../../../functions/queue-calls.ts";
import { makeReadDefinition } from "../../../functions/read-run-definition.ts";
import { makeSigner, type Signer } from "../../../shared/lib/signed-token.ts";
import { FUNCTIONS, QUEUES, SCHEDULES } from "../../../shared/resources.ts";
import { createLive, requestItem } from "../../../shared/usecases/create-run.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import type { ReportDeps } from "../../../shared/usecases/report-deps.ts";
import { digest } from "../../../shared/usecases/specs.ts";
import type { SweepDeps } from "../../../shared/usecases/sweep-deps.ts";
import { sweepRuns } from "../../../shared/usecases/sweep-runs.ts";
import { toRunSummary } from "../../../shared/usecases/views.ts";
import { memorySecrets } from "../../support/memory-secrets.ts";
import { oneOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import { connectEventSource } from "./event-source.ts";
import {
  FORGE_HOSTS,
  type ForgeWorld,
  forgeLambdas,
  forgeOfEachProcess,
  makeProjectSecrets,
  PUBLIC_URL,
} from "./forge/forge-plane.ts";
import { type ForgeStores, makeForgeStores } from "./forge/forge-stores.ts";
import { type PlannedRuns, SIM_TENANT } from "./planned-runs.ts";
import { REMEMBERED_PIPELINES } from "./remembered-pipelines.ts";
import { makeRequests, QUEUE_FAULTS, TABLE_FAULTS } from "./requests.ts";
import { makeSimBucket, type SimBucket } from "./sim-bucket.ts";
import { makeSimIndex } from "./sim-index.ts";
import { type Invoke, makeInvoke } from "./sim-lambda.ts";
import { makeNetwork, type Network } from "./sim-network.ts";
import { makeSimQueues, type SimQueues } from "./sim-queues.ts";
import { makeSimStore } from "./sim-store.ts";
import { makeSimTable, type SimTable } from "./sim-table.ts";

/** The real functions on simulated services. */
export interface ControlPlane {
  readonly deps: FunctionDeps;
  readonly table: SimTable;
  readonly queues: SimQueues;
  readonly bucket: SimBucket;
  readonly network: Network;
  /** How often each function was invoked. */
  readonly invoked: ReadonlyMap<string, number>;
  /** Told of each sweep that was not cut short, with the time when it began. */
  watchSweeps(watcher: (beganAtMs: number) => void): void;
}

const SECOND_MS = 1_000;
/** How long the indexes may show what was: seconds, and far more in trouble. */
const LAG_MS = { calm: 500, trouble: 20_000 } as const;
const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";

export function makeControlPlane(
  sim: Simulation,
  faults: Faults,
  pools: readonly string[],
  planned: PlannedRuns,
  world: ForgeWorld | undefined,
): ControlPlane {
  const table = makeSimTable();
  const lag = sim.dice("index lag");
  const lagMs = () => lag() * (sim.nowMs() < faults.healAtMs ? LAG_MS.trouble : LAG_MS.calm);
  const index = makeSimIndex(table, { nowMs: sim.nowMs, lagMs });
  const tableRequests = makeRequests(sim, faults, TABLE_FAULTS);
  const queueRequests = makeRequests(sim, faults, QUEUE_FAULTS);
  const queues = makeSimQueues(sim, faults, queueRequests, pools);
  const bucket = makeSimBucket(sim, faults, queueRequests);
  const invoked = new Map<string, number>();
  const plain = makeInvoke(sim, faults);
  const invoke: Invoke = (name, timeoutMs, call, ended) => {
    const [functionName = name] = name.split(" ");
    invoked.set(functionName, (invoked.get(functionName) ?? 0) + 1);
    plain(name, timeoutMs, call, ended);
  };
  const deps = depsOf(sim, {
    store: makeSimStore(table, index, tableRequests),
    stores: makeForgeStores(table, index, tableRequests, () => (world === undefined ? [] : [world.project])),
    secrets: world === undefined ? memorySecrets() : makeProjectSecrets(world.project),
    queues,
    bucket,
    pools,
    faults,
    planned,
  });
  const lambdas = world === undefined ? undefined : forgeLambdas(sim, deps);
  const network = makeNetwork(sim, faults, invoke, {
    api: lambda(httpLambda<"api">(deps, { ...apiRoutes(deps), createRun: createPlanned(deps, planned) })),
    lease: lambda(httpLambda<"lease">(deps, leaseRoutes(deps))),
    ...(world === undefined ? {} : { webhook: lambda(httpLambda<"webhook">(deps, webhookRoutes(deps))) }),
  });
  const sources = {
    ticks: lambda(reconcileLambda(deps)),
    plans: lambda(planLambda(deps)),
    ...(lambdas === undefined ? {} : { reports: lambdas.report }),
  };
  for (const name of ["ticks", "plans", "reports"] as const) {
    const { function: functionName, timeoutSeconds, batch: batchMax, maxReceives: receivesMax } = QUEUES[name];
    const timeoutMs = timeoutSeconds * SECOND_MS;
    const handler = sources[name];
    if (handler === undefined) continue;
    connectEventSource(sim, invoke, { queue: queues[name], functionName, timeoutMs, batchMax, receivesMax, handler });
  }
  const sweepWatchers: ((beganAtMs: number) => void)[] = [];
  const sweeps = {
    sweep: lambdas?.sweep ?? (() => sweepRuns(deps)),
    firstMs: lambdas === undefined ? EVERY_MS : SECOND_MS,
  };
  startSweeps(sim, invoke, sweeps, (beganAtMs) => {
    for (const watcher of sweepWatchers) watcher(beganAtMs);
  });
  return {
    deps,
    table,
    queues,
    bucket,
    network,
    invoked,
    watchSweeps: (watcher) => void sweepWatchers.push(watcher),
  };
}

const EVERY_MS = SCHEDULES[0].everySeconds * SECOND_MS;

function startSweeps(
  sim: Simulation,
  invoke: Invoke,
  { sweep, firstMs }: { readonly sweep: () => Promise<unknown>; readonly firstMs: number },
  ended: (beganAtMs: number) => void,
): void {
  const sweepIn = (ms: number) =>
    void sim.world(ms, "schedule", () => {
      const beganAtMs = sim.nowMs();
      invoke("sweep", FUNCTIONS.sweep.timeoutSeconds * SECOND_MS, sweep, ({ kind }) => {
        if (kind === "answered") ended(beganAtMs);
      });
      sweepIn(EVERY_MS);
    });
  sweepIn(firstMs);
}

/** A middy handler as Lambda calls it; the context is never read. */
function lambda<E, R>(handler: (event: E, context: never) => Promise<R>): (event: E) => Promise<R> {
  return (event) => handler(event, {} as never);
}

interface Parts {
  readonly store: FunctionDeps["store"];
  readonly stores: ForgeStores;
  readonly secrets: FunctionDeps["secrets"];
  readonly queues: SimQueues;
  readonly bucket: SimBucket;
  readonly pools: readonly string[];
  readonly faults: Faults;
  readonly planned: PlannedRuns;
}

function depsOf(sim: Simulation, parts: Parts): FunctionDeps & SweepDeps & ReportDeps {
  const ids = sim.dice("ids");
  const letter = () => CROCKFORD[Math.floor(ids() * CROCKFORD.length)] ?? "0";
  const word = (length: number) => Array.from({ length }, letter).join("");
  const say = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    sim.tell(() => `  ${sim.current().name}: ${message} ${fields === undefined ? "" : JSON.stringify(fields)}`);
  const log = {
    info: () => undefined,
    warn: say,
    error: (message: string, error: unknown) => {
      say(message, { error: String(error) });
      if (!isInjected(error)) sim.fail(error);
    },
  };
  const metrics = { count: () => undefined, timing: () => undefined };
  const observer = { log, metrics, flush: () => undefined, prometheus: async () => "", registry: new Registry() };
  const clock = { nowMs: () => sim.current().clock.nowMs(), monotonicMs: () => sim.current().clock.monotonicMs() };
  const { secrets, stores } = parts;
  const forge = forgeOfEachProcess(sim, { secrets, clock, log });
  const readOwn = makeReadDefinition({ projects: stores.projects, forge }, async ({ sha }) =>
    parts.planned.textOf(sha),
  );
  return {
    store: parts.store,
    ...stores,
    ...UNSEEN,
    secrets,
    forge,
    forgeHosts: FORGE_HOSTS,
    publicUrl: PUBLIC_URL,
    sendDelivery: parts.queues.sendDelivery,
    queues: parts.queues.queues,
    bucket: parts.bucket.bucket,
    clock,
    random: { ulid: (nowMs) => timeWord(nowMs) + word(16), secret: () => `${word(43)}` },
    signer: SIGNER,
    log,
    metrics,
    observer,
    meter: () => undefined,
    checkSource: async () => undefined,
    environment: {} as FunctionDeps["environment"],
    async readDefinition(source, path, run) {
      if (parts.faults.strikes("source cannot be read", sim.numbered(`source ${source.sha}`)))
        throw new Error("injected: the source cannot be reached");
      return readOwn(source, path, run);
    },
    pipelines: REMEMBERED_PIPELINES,
    settings: {
      tenant: SIM_TENANT,
      pools: parts.pools,
      offerCopies: oneOf(sim.dice("offer copies"), [1, 1, 1, 2, 3]),
      poolQueueUrl: (pool) => `http://queues.sim/${pool}`,
      runnerSqs: {
        region: "sim",
        credentialsFor: async () => ({ credentials: { accessKeyId: "sim", secretAccessKey: "sim" } }),
      },
    },
  };
}

/** Nobody reads its audit or asks for its runners. */
const UNSEEN: Pick<FunctionDeps, "audit" | "runners"> = {
  audit: { append: async () => undefined, readDay: async () => ({ items: [] }) },
  runners: {
    seen: async () => undefined,
    left: async () => undefined,
    list: async () => ({ runners: [], cut: false }),
  },
};

/** Tokens mean the same in every world, so each is verified once: HMAC would be a tenth of a world's time. */
const SIGNER = remembering(makeSigner([Buffer.alloc(32, 7)]));
const REMEMBERED_MAX = 2_000;

function remembering(signer: Signer): Signer {
  const known = new Map<string, unknown>();
  return {
    sign: signer.sign,
    verify(prefix, token) {
      const name = `${prefix} ${token}`;
      if (known.has(name)) return known.get(name);
      if (known.size >= REMEMBERED_MAX) known.clear();
      const payload = signer.verify(prefix, token);
      known.set(name, payload);
      return payload;
    },
  };
}

const ULID_TIME_DIGITS = 10;

function timeWord(nowMs: number): string {
  let rest = nowMs;
  let word = "";
  for (let digit = 0; digit < ULID_TIME_DIGITS; digit += 1) {
    word = (CROCKFORD[rest % 32] ?? "0") + word;
    rest = Math.floor(rest / 32);
  }
  return word;
}

/** Errors that the world itself makes say so; any other that reaches a function's log is a bug. */
function isInjected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.every(isInjected);
  if (error instanceof ForgeError && error.retry) return true;
  return error.message.startsWith("injected:") || isInjected(error.cause);
}

/**
 * The route that makes runs, with a plan in the place of a definition's text where the text names one: the language
 * writes only "all", and reading YAML would be most of a world's time.
 */
function createPlanned(deps: FunctionDeps, planned: PlannedRuns): ReturnType<typeof apiRoutes>["createRun"] {
  const fromText = apiRoutes(deps).createRun;
  return async (call) => {
    const { body, caller, headers } = call;
    const plan = body.definition === undefined ? undefined : planned.planOf(body.definition.text);
    if (plan === undefined) return fromText(call);
    const requester = { principal: `token:${caller.name}`, idempotencyKey: headers["idempotency-key"] };
    const createdAtMs = deps.clock.nowMs();
    const runId = `run_${deps.random.ulid(createdAtMs)}`;
    const { project, watch } = body;
    const seed = { tenant: SIM_TENANT, runId, project, watch, createdBy: requester.principal, createdAtMs };
    const request = requestItem(deps, seed, requester, digest(JSON.stringify(body)));
    const { run, replayed } = await createLive(deps, seed, plan, request);
    return { run: toRunSummary(run), replayed };
  };
}
