import { DUE_SHARDS, STATUS_RUNNERS_MAX, STATUS_RUNS_MAX } from "../domain/limits.ts";
import { isRunEnded } from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import { messageOf } from "../lib/message-of.ts";
import { priceOf, type Usage } from "../prices.ts";
import type { Status } from "../protocol/status.ts";
import type { JobItem, RunItem } from "../store/items.ts";
import { dueShard } from "../store/keys.ts";
import { EPHEMERAL, type RunnerItem } from "../store/runner-item.ts";
import type { RunnerStore } from "../store/runner-store.ts";
import type { SweepStore } from "../store/sweep-store.ts";
import type { Deps } from "./deps.ts";

/** What a deployment, or this process, has used since some time. */
export interface UsageReport {
  readonly sinceMs: number;
  readonly countedBy: "process" | "cloudwatch";
  readonly usage: Usage;
  /** Parts of a bill that nobody counted. */
  readonly notCounted: readonly string[];
}

export interface StatusDeps extends Pick<Deps, "clock" | "log"> {
  readonly store: Pick<Deps["store"], "dueRuns" | "getRunItems">;
  readonly settings: Pick<Deps["settings"], "tenant" | "pools">;
  readonly runners: RunnerStore;
  readonly sweeps: Pick<SweepStore, "getSweep">;
  /** Messages in a pool's queue: approximate. */
  readonly offersOf: (pool: string) => Promise<number>;
  readonly deadLetterQueues: readonly string[];
  /** Messages that a work queue's function could not handle. */
  readonly deadLettersOf: (queue: string) => Promise<number>;
  /** Throws where nobody counts. */
  readonly usage: () => Promise<UsageReport>;
}

const WIDTH = 8;
/** A runner that is gone is still told of for this long. */
const GONE_SHOWN_MS = 3_600_000;
/** Later than any due time: all active runs are in the index, and none else. */
const EVER_MS = Number.MAX_SAFE_INTEGER;
const LEASED: readonly JobItem["state"][] = ["leased", "running", "stopping"];

type Unknown = Status["unknown"][number];
type Known = <T>(what: string, ask: () => Promise<T>) => Promise<T | undefined>;

/** Asks all parts at once. One that does not answer is told as unknown, and the others as ever. */
export async function readStatus(deps: StatusDeps, wanted: { readonly cost: "yes" | "no" }): Promise<Status> {
  const nowMs = deps.clock.nowMs();
  const unknown: Unknown[] = [];
  const known: Known = async (what, ask) => {
    try {
      return await ask();
    } catch (error) {
      const why = messageOf(error);
      deps.log.warn("a part of the status is unknown", { what, why });
      unknown.push({ what, why });
      return undefined;
    }
  };
  const [active, runners, sweep, depths, deadLetters, usage] = await Promise.all([
    known("runs", () => activeRuns(deps)),
    known("runners", () => deps.runners.list(deps.settings.tenant, STATUS_RUNNERS_MAX)),
    known("sweep", () => lastSweep(deps)),
    depthsOf(deps, known),
    deadLettersOf(deps, known),
    wanted.cost === "no" ? undefined : known("cost", deps.usage),
  ]);
  const jobs = active?.found.flatMap((run) => run.jobs);
  return {
    atMs: nowMs,
    pools: poolsOf(depths, jobs),
    runners: runnersOf(runners?.runners ?? [], jobs, nowMs),
    ...(active === undefined ? {} : { runs: countRuns(active.found) }),
    ...(jobs === undefined ? {} : { jobs: countJobs(jobs), ...oldestWaitOf(jobs, nowMs) }),
    ...(sweep === undefined ? {} : { sweep }),
    deadLetters,
    ...(usage === undefined ? {} : { cost: costOf(usage) }),
    cut: [
      ...(active?.cut === true ? (["runs"] as const) : []),
      ...(runners?.cut === true ? (["runners"] as const) : []),
    ],
    unknown,
  };
}

interface ActiveRun {
  readonly run: RunItem;
  readonly jobs: readonly JobItem[];
}

/** The index names candidates; whether a run is active, its own items say. */
async function activeRuns(deps: StatusDeps): Promise<{ found: ActiveRun[]; cut: boolean }> {
  const each = STATUS_RUNS_MAX / DUE_SHARDS;
  const shards = Array.from({ length: DUE_SHARDS }, (_, shard) => dueShard(shard));
  const due = await Promise.all(shards.map((shard) => deps.store.dueRuns(shard, EVER_MS, each + 1)));
  const cut = due.some((runs) => runs.length > each);
  const ours = due.flatMap((runs) => runs.slice(0, each)).filter((run) => run.tenant === deps.settings.tenant);
  const items = await eachOf(ours, WIDTH, (ref) => deps.store.getRunItems(ref));
  const found = items.flatMap(({ run, jobs }) => (run === undefined || isRunEnded(run.state) ? [] : [{ run, jobs }]));
  return { found, cut };
}

async function lastSweep({ sweeps, settings }: StatusDeps): Promise<NonNullable<Status["sweep"]>> {
  const item = await sweeps.getSweep(settings.tenant);
  if (item === undefined) throw new Error("no sweep has ended yet: the first comes within two minutes of the start");
  const { startedAtMs, endedAtMs, failedParts } = item;
  return { startedAtMs, endedAtMs, failedParts };
}

type Depth = readonly [pool: string, offers: number | undefined];

function depthsOf({ settings, offersOf }: StatusDeps, known: Known): Promise<Depth[]> {
  return eachOf(
    settings.pools,
    WIDTH,
    async (pool): Promise<Depth> => [pool, await known(`the queue of pool ${pool}`, () => offersOf(pool))],
  );
}

function deadLettersOf(deps: StatusDeps, known: Known): Promise<Status["deadLetters"]> {
  return eachOf(deps.deadLetterQueues, WIDTH, async (queue) => {
    const messages = await known(`the dead letters of ${queue}`, () => deps.deadLettersOf(queue));
    return { queue, ...(messages === undefined ? {} : { messages }) };
  });
}

const isLeased = (job: JobItem) => LEASED.includes(job.state);
const tally = <T>(all: readonly T[], test: (one: T) => boolean) => all.filter(test).length;

/** Undefined where the runs are unknown. */
type Jobs = readonly JobItem[] | undefined;

function poolsOf(depths: readonly Depth[], jobs: Jobs): Status["pools"] {
  return depths.map(([name, offers]) => ({
    name,
    ...(offers === undefined ? {} : { offers }),
    ...(jobs === undefined
      ? {}
      : {
          queued: tally(jobs, (job) => job.pool === name && job.state === "queued"),
          leased: tally(jobs, (job) => job.pool === name && isLeased(job)),
        }),
  }));
}

/**
 * By name, and of each name the newest process alone: one that was killed cannot say that it goes, and whoever is started under
 * its name takes its place. Those that have no pool in common are two runners with one name.
 */
function runnersOf(all: readonly RunnerItem[], jobs: Jobs, nowMs: number): Status["runners"] {
  const shown = all.filter((item) => item.expiresAtMs > nowMs - GONE_SHOWN_MS);
  const standing = [...Map.groupBy(shown, (item) => item.name).values()].flatMap((items) =>
    items.filter((item) => !items.some((other) => other !== item && isNewer(other, item) && servesAlso(other, item))),
  );
  return standing.map(({ name, pools, slots, seenAtMs, expiresAtMs }) => {
    const isHere = expiresAtMs > nowMs;
    const isOurs = (job: JobItem) => isLeased(job) && job.lease?.runnerName === name && pools.includes(job.pool);
    const busy = jobs && tally(jobs, isOurs);
    return {
      name,
      state: !isHere ? "offline" : busy !== undefined && busy > 0 ? "busy" : "available",
      processes: isHere ? 1 : 0,
      pools: [...pools],
      slots: isHere ? slots : 0,
      ...(busy === undefined ? {} : { busy }),
      lastSeenAtMs: seenAtMs,
    };
  });
}

const servesAlso = (one: RunnerItem, other: RunnerItem): boolean =>
  one.pools.some((pool) => other.pools.includes(pool));

/** Ids of sessions sort by time; of one process, and of ephemeral ones, who was seen last. */
function isNewer(one: RunnerItem, other: RunnerItem): boolean {
  const areComparable = one.instance !== EPHEMERAL && other.instance !== EPHEMERAL;
  if (!areComparable || one.instance === other.instance) return one.seenAtMs > other.seenAtMs;
  return one.instance > other.instance;
}

function countRuns(active: readonly ActiveRun[]): Status["runs"] {
  const finalizing = tally(active, ({ run }) => run.state === "canceling");
  const pending = tally(active, ({ run, jobs }) => run.state !== "canceling" && !jobs.some((job) => job.fence > 0));
  return { active: active.length, pending, executing: active.length - pending - finalizing, finalizing };
}

function countJobs(jobs: readonly JobItem[]): Status["jobs"] {
  const inState = (state: JobItem["state"]) => tally(jobs, (job) => job.state === state);
  return {
    waiting: inState("waiting"),
    held: inState("held"),
    queued: inState("queued"),
    leased: tally(jobs, isLeased),
  };
}

function oldestWaitOf(jobs: readonly JobItem[], nowMs: number): Pick<Status, "oldestWait"> {
  const waits = jobs.flatMap((job) =>
    job.state === "queued" && job.queuedAtMs !== undefined
      ? [{ run: job.runId, job: job.jobId, pool: job.pool, waitMs: Math.max(0, nowMs - job.queuedAtMs) }]
      : [],
  );
  const [oldest] = waits.sort((a, b) => b.waitMs - a.waitMs);
  return oldest === undefined ? {} : { oldestWait: oldest };
}

function costOf({ usage, ...report }: UsageReport): NonNullable<Status["cost"]> {
  const byService = { ...priceOf(usage) };
  const dollars = Object.values(byService).reduce((sum, price) => sum + price, 0);
  return { ...report, notCounted: [...report.notCounted], dollars, byService };
}
