import { QUEUE_TIMEOUT_MS } from "../../shared/domain/limits.ts";
import type { PlannedJob } from "../../shared/domain/plan.ts";
import type { JobItem } from "../../shared/store/items.ts";
import { type Inherited, liveRun, planItems, type RunSeed } from "../../shared/usecases/births.ts";
import type { Group, State } from "./state.ts";
import type { World, WorldJob } from "./world.ts";

/** Any moment will do: only differences are ever compared. */
const BIRTH_MS = Date.UTC(2026, 0, 1);
const FAR_TIMEOUT_MS = 3_600_000;

/** What a fork's run is of, and what somebody may take it for. */
export const FORK_SHA = "a".repeat(40);
export const OTHER_SHA = "b".repeat(40);

/** The world as it begins: one run, born with its plan by the code that bears real ones. */
export function firstState(world: World): State {
  const plan = world.jobs.map((job) => plannedJob(world, job));
  return {
    nowMs: BIRTH_MS,
    groups: [bearGroup(world, plan, "run_1", BIRTH_MS)],
    cancelsLeft: world.cancels,
    rerunsLeft: world.reruns,
    // A run that waits for its approval is born without a tick.
    ticks: world.ticks ? { sent: world.fork ? [] : [0], passed: [], owed: [] } : undefined,
  };
}

export function plannedJob(world: World, job: WorldJob, retries = job.retries ?? { failed: 0, lost: 0 }): PlannedJob {
  return {
    id: job.id,
    pool: "default",
    ...(job.needs === undefined ? {} : { needs: job.needs }),
    checks: [...(job.checks ?? [])],
    allowFailure: job.allowFailure ?? false,
    retries,
    spec: {
      name: job.id,
      steps: [{ name: "step", run: "true", env: {} }],
      env: {},
      secrets: [],
      timeoutMs: world.jobTimeoutMs ?? FAR_TIMEOUT_MS,
      artifacts: { paths: [], from: [] },
    },
  };
}

/** A run with its items. Long deadlines are shortened where the world wants to reach them. */
export function bearGroup(
  world: World,
  jobs: readonly PlannedJob[],
  runId: string,
  nowMs: number,
  inherited?: Inherited,
): Group {
  const approval = world.fork ? { sha: FORK_SHA } : undefined;
  const base = { tenant: "main", runId, project: "p", watch: false, createdBy: "user" };
  const seed: RunSeed = { ...base, createdAtMs: nowMs, approval };
  const items = planItems(seed, { pipeline: "p", jobs: [...jobs] }, 0, inherited);
  const run = liveRun(seed, "p", "digest", items);
  const hardDeadlineMs = world.runDeadlineMs === undefined ? run.hardDeadlineMs : nowMs + world.runDeadlineMs;
  const withDeadlines = (job: JobItem): JobItem => ({
    ...job,
    runDeadlineMs: hardDeadlineMs,
    ...(job.queueDeadlineMs === undefined ? {} : { queueDeadlineMs: queueDeadlineOf(world, nowMs) }),
  });
  return {
    run: { ...run, hardDeadlineMs },
    jobs: items.jobs.map(withDeadlines),
    checks: items.checks,
    attempts: [],
  };
}

/** When nobody will come any more for a job that is queued now. */
export const queueDeadlineOf = (world: World, nowMs: number): number =>
  nowMs + (world.queueTimeoutMs ?? QUEUE_TIMEOUT_MS);
