import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { JobView } from "../../../shared/protocol/runs.ts";
import { eventually } from "../../support/eventually.ts";
import { signal } from "../../support/processes.ts";
import type { RunnerProcess } from "../../support/runner-process.ts";
import type { Attack } from "../attack.ts";
import { type Field, isReady, passes } from "../field.ts";
import { processesNaming } from "../orphans.ts";
import type { Task } from "../plan.ts";
import type { Goal } from "../score.ts";

/** Runners that die, freeze and come back. */

const JOB = "work";
const RUN_MS = 2 * LEASE_TTL_MS;
/** A runner process that dies while its host lives. */
const REQUEUED_AFTER_KILL_MS = 3_000;
const REQUEUED_AFTER_HOST_LOSS_MS = LEASE_TTL_MS + 5_000;
const GONE_AFTER_WAKING_MS = 1_000;
/** A Node process must start first, on a machine that may be busy. */
const GONE_AFTER_RESTART_MS = 10_000;
const ROUNDS_SHORT = 2;
const ROUNDS = 10;

/** The first attempt would take minutes; the next ones are short. */
const slowAtFirst = (signs: boolean): Task => ({
  id: JOB,
  bytes: 100_000,
  script: `if [ "$BATON_FENCE" = 1 ]; then i=0; while [ $i -lt 1800 ]; do sleep 0.1; ${signs ? "say alive; " : ""}i=$((i+1)); done; fi`,
});

export const runnerAttacks: readonly Attack[] = [
  {
    name: "runner-frozen",
    invariants: [1, 2, 8, 13, 18],
    about:
      "SIGSTOP of a runner past its lease, SIGCONT when another has the job. Recovery: stop → next attempt's step runs",
    short: true,
    async strike(field) {
      const { run, victim } = await victimAtWork(field, slowAtFirst(true));
      const atMs = systemClock.nowMs();
      victim.child.kill("SIGSTOP");
      const started = await field.sees(run, JOB, "start", 2, 2 * LEASE_TTL_MS);
      const alive = processesNaming([`${run}/${JOB}/1/`]).map(({ pid }) => `process ${pid} of the stale attempt lives`);
      victim.child.kill("SIGCONT");
      await eventually(
        "the woken runner gives its attempt up",
        () => victim.events.some((event) => event.type === "attempt_ended" && ["fenced", "stale"].includes(event.end)),
        RUN_MS,
      );
      await field.runEnds(run, RUN_MS);
      const untold = await historyOf(field, run);
      return {
        faults: 1,
        recoveriesMs: [started.atMs - atMs],
        goals: [await requeued(field, run, atMs, LEASE_TTL_MS)],
        counts: { overlaps: alive.length, wrongVerdicts: untold.length },
        findings: [...alive, ...untold],
      };
    },
  },
  {
    name: "host-suspended",
    invariants: [1, 2, 18],
    about:
      "SIGSTOP of runner, watchdog and steps together, SIGCONT when another has the job. Recovery: wake-up → all gone",
    short: false,
    async strike(field) {
      const { run, victim } = await victimAtWork(field, slowAtFirst(false));
      const pids = processesNaming([victim.workDir]).map(({ pid }) => pid);
      for (const pid of [victim.pid, ...pids]) signal(pid, "SIGSTOP");
      await field.sees(run, JOB, "start", 2, 2 * LEASE_TTL_MS);
      const atMs = systemClock.monotonicMs();
      for (const pid of [victim.pid, ...pids]) signal(pid, "SIGCONT");
      await eventually("the woken attempt ends", () => processesNaming([`${run}/${JOB}/1/`]).length === 0, RUN_MS);
      const ms = Math.round(systemClock.monotonicMs() - atMs);
      await field.runEnds(run, RUN_MS);
      const goal = { what: "an attempt that wakes beside the next is gone", ms, atMostMs: GONE_AFTER_WAKING_MS };
      return { faults: 1, recoveriesMs: [ms], goals: [goal] };
    },
  },
  {
    name: "host-lost",
    invariants: [1, 5, 14],
    about:
      "SIGKILL of runner, watchdog and steps at once: nobody can give the lease back. Recovery: kill → next attempt's step runs",
    short: true,
    async strike(field) {
      const { run, victim } = await victimAtWork(field, slowAtFirst(true));
      // Stopped first, so that the runner does not see its watchdog die and say so.
      victim.child.kill("SIGSTOP");
      const atMs = systemClock.nowMs();
      for (const { pid } of processesNaming([victim.workDir])) signal(pid, "SIGKILL");
      victim.child.kill("SIGKILL");
      const started = await field.sees(run, JOB, "start", 2, 2 * LEASE_TTL_MS);
      await field.runEnds(run, RUN_MS);
      const goal = await requeued(field, run, atMs, REQUEUED_AFTER_HOST_LOSS_MS);
      return { faults: 1, recoveriesMs: [started.atMs - atMs], goals: [goal] };
    },
  },
  {
    name: "guards-killed",
    about:
      "SIGKILL of runner and watchdog, and not of the step; a supervisor starts the runner anew. Recovery: kill → the step is gone",
    invariants: [5, 8],
    short: false,
    async strike(field) {
      const victim = await field.addRunner({ slots: 1 });
      // Silent: one that printed would end by itself, for nobody reads any more.
      const run = await field.createRun([slowAtFirst(false)]);
      await field.sees(run, JOB, "start");
      victim.child.kill("SIGSTOP");
      const atMs = systemClock.monotonicMs();
      for (const { pid, command } of processesNaming([victim.workDir]))
        if (command.includes("watchdog")) signal(pid, "SIGKILL");
      victim.child.kill("SIGKILL");
      await field.addRunner({ slots: 1, workDir: victim.workDir });
      await eventually("the step is ended", () => processesNaming([`${run}/${JOB}/1/`]).length === 0, RUN_MS);
      const ms = Math.round(systemClock.monotonicMs() - atMs);
      await field.runEnds(run, RUN_MS);
      return {
        faults: 1,
        recoveriesMs: [ms],
        goals: [{ what: "the step without a watchdog is gone", ms, atMostMs: GONE_AFTER_RESTART_MS }],
      };
    },
  },
  {
    name: "runner-killed",
    invariants: [1, 5, 8, 14],
    about:
      "SIGKILL of a runner while its step runs; another runner takes over. Recovery: kill → next attempt's step runs",
    short: true,
    async strike(field, short) {
      const [recoveriesMs, goals]: [number[], Goal[]] = [[], []];
      let victim = await field.addRunner({ slots: 1 });
      const rounds = short ? ROUNDS_SHORT : ROUNDS;
      for (let round = 0; round < rounds; round += 1) {
        const run = await field.createRun([slowAtFirst(true)]);
        await field.sees(run, JOB, "alive");
        const heir = await field.addRunner({ slots: 1 });
        await isReady(heir);
        const atMs = systemClock.nowMs();
        victim.child.kill("SIGKILL");
        goals.push(await requeued(field, run, atMs, REQUEUED_AFTER_KILL_MS));
        recoveriesMs.push((await field.sees(run, JOB, "start", 2)).atMs - atMs);
        await field.runEnds(run, RUN_MS);
        victim = heir;
      }
      return { faults: rounds, recoveriesMs, goals: [worst(goals)] };
    },
  },
];

/** A runner whose step has given signs, and another that waits. */
async function victimAtWork(
  field: Field,
  task: Task,
): Promise<{ readonly run: string; readonly victim: RunnerProcess }> {
  const victim = await field.addRunner({ slots: 1 });
  const run = await field.createRun([task]);
  await field.sees(run, JOB, "start");
  await passes(500);
  const heir = await field.addRunner({ slots: 1 });
  await isReady(heir);
  return { run, victim };
}

/** How long the job took to be free again, by Baton's own record. */
async function requeued(field: Field, run: string, sinceMs: number, atMostMs: number): Promise<Goal> {
  const lostAt = (job: JobView) => job.attempts.find(({ fence }) => fence === 1)?.end?.atMs;
  const endMs = await eventually(
    "the attempt is lost",
    async () => lostAt(await field.job(run, JOB)),
    2 * LEASE_TTL_MS,
    100,
  );
  return { what: "the job is queued again", ms: endMs - sinceMs, atMostMs };
}

const worst = (goals: readonly Goal[]): Goal =>
  goals.toSorted((a, b) => b.ms - a.ms)[0] ?? { what: "", ms: 0, atMostMs: 0 };

async function historyOf(field: Field, run: string): Promise<string[]> {
  const { history } = await field.job(run, JOB);
  const told =
    ["1.claim", "2.claim"].every((key) => key in history) && ("1.release" in history || "1.expire" in history);
  return told ? [] : [`the history does not tell of the loss: ${Object.keys(history).join(", ")}`];
}
