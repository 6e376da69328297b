import { Registry } from "prom-client";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { apiRoutes } from "../../../functions/http/api-routes.ts";
import { httpLambda } from "../../../functions/http/http-lambda.ts";
import { leaseRoutes } from "../../../functions/http/lease-routes.ts";
import { planLambda, reconcileLambda } from "../../../functions/queue-calls.ts";
import { makeSigner, type Signer } from "../../../shared/lib/signed-token.ts";
import { QUEUES, SCHEDULES } from "../../../shared/resources.ts";
import { createLive, requestItem } from "../../../shared/usecases/create-run.ts";
import type { Deps } from "../../../shared/usecases/deps.ts";
import { PIPELINES_HERE } from "../../../shared/usecases/pipelines.ts";
import { digest } from "../../../shared/usecases/specs.ts";
import { sweepRuns } from "../../../shared/usecases/sweep-runs.ts";
import { toRunSummary } from "../../../shared/usecases/views.ts";
import { forgeOf } from "../../support/fake-forge.ts";
import { memorySecrets } from "../../support/memory-secrets.ts";
import { oneOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import { connectEventSource } from "./event-source.ts";
import { type PlannedRuns, SIM_TENANT } from "./planned-runs.ts";
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
    queues,
    bucket,
    pools,
    faults,
    planned,
  });
  const network = makeNetwork(sim, faults, invoke, {
    api: lambda(httpLambda<"api">(deps, { ...apiRoutes(deps), createRun: createPlanned(deps, planned) })),
    lease: lambda(httpLambda<"lease">(deps, leaseRoutes(deps))),
  });
  const sources = { ticks: lambda(reconcileLambda(deps)), plans: lambda(planLambda(deps)) };
  for (const name of ["ticks", "plans"] as const) {
    const { function: functionName, timeoutSeconds, batch: batchMax, maxReceives: receivesMax } = QUEUES[name];
    const timeoutMs = timeoutSeconds * SECOND_MS;
    const handler = sources[name];
    connectEventSource(sim, invoke, { queue: queues[name], functionName, timeoutMs, batchMax, receivesMax, handler });
  }
  const [sweep] = SCHEDULES;
  const sweepAgain = () =>
    void sim.world(sweep.everySeconds * SECOND_MS, "schedule", () => {
      invoke(
        "sweep",
        30 * SECOND_MS,
        () => sweepRuns(deps),
        () => undefined,
      );
      sweepAgain();
    });
  sweepAgain();
  return { deps, table, queues, bucket, network, invoked };
}

/** A middy handler as Lambda calls it; the context is never read. */
function lambda<E, R>(handler: (event: E, context: never) => Promise<R>): (event: E) => Promise<R> {
  return (event) => handler(event, {} as never);
}

interface Parts {
  readonly store: FunctionDeps["store"];
  readonly queues: SimQueues;
  readonly bucket: SimBucket;
  readonly pools: readonly string[];
  readonly faults: Faults;
  readonly planned: PlannedRuns;
}

function depsOf(sim: Simulation, parts: Parts): FunctionDeps {
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
  return {
    store: parts.store,
    ...NO_PROJECTS,
    queues: parts.queues.queues,
    bucket: parts.bucket.bucket,
    clock: { nowMs: () => sim.current().clock.nowMs(), monotonicMs: () => sim.current().clock.monotonicMs() },
    random: { ulid: (nowMs) => timeWord(nowMs) + word(16), secret: () => `${word(43)}` },
    signer: SIGNER,
    log,
    metrics,
    observer,
    meter: () => undefined,
    environment: {} as FunctionDeps["environment"],
    async readDefinition(source) {
      if (parts.faults.strikes("source cannot be read", sim.numbered(`source ${source.sha}`)))
        throw new Error("injected: the source cannot be reached");
      return parts.planned.textOf(source.sha);
    },
    pipelines: PIPELINES_HERE,
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

/** What concerns projects: the simulated world has none, and nobody reads its audit or asks for its runners. */
const NO_PROJECTS: Omit<FunctionDeps, keyof Deps | "observer" | "environment" | "meter"> = {
  triggers: {
    getDelivery: async () => undefined,
    getDecided: async () => undefined,
    getAbsence: async () => undefined,
    getRef: async () => undefined,
    lastClosing: async () => undefined,
    dueDeliveries: async () => [],
  },
  sendDelivery: async () => undefined,
  reports: { getOutbox: async () => undefined, getStatus: async () => undefined, dueOutboxes: async () => [] },
  forge: forgeOf(new Map()),
  projects: {
    getProject: async () => undefined,
    listProjects: async () => [],
    addProject: async () => "full",
    changeProject: async () => "changed",
    removeProject: async () => false,
  },
  secrets: memorySecrets(),
  audit: { append: async () => undefined, readDay: async () => ({ items: [] }) },
  runners: { seen: async () => undefined, list: async () => ({ runners: [], cut: false }) },
  forgeHosts: [],
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
