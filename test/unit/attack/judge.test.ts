import { describe, expect, test } from "vitest";
import type { JobView, RunView } from "../../../shared/protocol/runs.ts";
import { judgeRun } from "../../attack/judge.ts";
import { expectedOf, type Task } from "../../attack/plan.ts";
import { CLEAN, verdictOf } from "../../attack/score.ts";
import type { Sign } from "../../attack/witness.ts";

/** The oracle of `npm run attack`: what is planted must be scored, or its zeros mean nothing. */

const RUN = "run_01h455vb4pex5vsknk084sn02q";
const tasks: readonly Task[] = [
  { id: "a", bytes: 10 },
  { id: "b", needs: ["a"], exit: 1 },
  { id: "c", needs: ["b"] },
];
const expected = expectedOf(RUN, tasks);

const signs = (job: string, fence: number, atMs: number, nonce = `${job}${fence}`, end = true): Sign[] => [
  { run: RUN, job, fence, nonce, sign: "start", atMs },
  ...(end ? [{ run: RUN, job, fence, nonce, sign: "end" as const, atMs: atMs + 10 }] : []),
];

function job(id: string, state: JobView["state"], fences: readonly [number, string][]): JobView {
  const newest = fences.at(-1)?.[0] ?? 0;
  return {
    runId: RUN,
    id,
    name: id,
    state,
    pool: "default",
    fence: newest,
    resolved: {},
    checks: [],
    allowFailure: false,
    left: { failed: 0, lost: 3 },
    createdAtMs: 0,
    history: {},
    result: { fence: newest, outcome: state },
    attempts: fences.map(([fence, outcome]) => ({
      fence,
      runner: "r",
      grantedAtMs: 0,
      end: { outcome: outcome as "lost", atMs: 1 },
    })),
  };
}

function run(state: RunView["state"]): RunView {
  const born = { id: RUN, project: "default", pipeline: "attack", createdAtMs: 0, createdBy: "test" };
  return { ...born, state, history: {} };
}

const goodJobs = () => [
  job("a", "succeeded", [
    [1, "lost"],
    [2, "succeeded"],
  ]),
  job("b", "failed", [[1, "failed"]]),
  job("c", "skipped", []),
];
const goodWitness = () => [...signs("a", 1, 100, "a1", false), ...signs("a", 2, 200), ...signs("b", 1, 300)];

const judged = (jobs: readonly JobView[], witness: readonly Sign[], state: RunView["state"] = "failed") =>
  judgeRun(expected, { run: run(state), jobs }, witness).counts;

test("the plan says what must come of it, without Baton", () => {
  expect(expected.state).toBe("failed");
  expect(expected.jobs.map(({ state }) => state)).toEqual(["succeeded", "failed", "skipped"]);
});

test("a run that went as it must has a clean score", () => {
  expect(judged(goodJobs(), goodWitness())).toEqual(CLEAN);
});

describe("planted:", () => {
  test.each(["queued", "running", "lost"] as const)("a job that is %s at the end is lost", (state) => {
    const [, ...rest] = goodJobs();
    expect(judged([job("a", state, [[1, "lost"]]), ...rest], goodWitness())).toMatchObject({ lostJobs: 1 });
  });

  test("a job that Baton forgot is lost", () => {
    expect(judged(goodJobs().slice(1), goodWitness())).toMatchObject({ lostJobs: 1 });
  });

  test("an attempt without an end is lost", () => {
    const [a, ...rest] = goodJobs();
    const open = {
      ...job("a", "succeeded", [[2, "succeeded"]]),
      attempts: [{ fence: 1, runner: "r", grantedAtMs: 0 }, ...(a?.attempts.slice(1) ?? [])],
    };
    expect(judged([open, ...rest], goodWitness())).toMatchObject({ lostJobs: 1 });
  });

  test("two attempts with a result are a double result", () => {
    const [, ...rest] = goodJobs();
    const twice = job("a", "succeeded", [
      [1, "succeeded"],
      [2, "succeeded"],
    ]);
    expect(judged([twice, ...rest], goodWitness())).toMatchObject({ doubleResults: 1 });
  });

  test("an attempt that was run twice is a double result", () => {
    expect(judged(goodJobs(), [...goodWitness(), ...signs("a", 2, 400, "other")])).toMatchObject({ doubleResults: 1 });
  });

  test("an attempt that still gives signs when the next has begun overlaps it", () => {
    const late: Sign = { run: RUN, job: "a", fence: 1, nonce: "a1", sign: "alive", atMs: 205 };
    expect(judged(goodJobs(), [...goodWitness(), late])).toMatchObject({ overlaps: 1 });
  });

  test("a result of an older attempt than the newest is a stale write", () => {
    const [a, ...rest] = goodJobs();
    const stale = {
      ...job("a", "succeeded", [
        [1, "lost"],
        [2, "lost"],
      ]),
      result: { fence: 1, outcome: "succeeded" },
    };
    expect(a).toBeDefined();
    expect(judged([stale, ...rest], goodWitness())).toMatchObject({ staleWrites: 1 });
  });

  test("an attempt that ran and that Baton does not know is a stale write", () => {
    expect(judged(goodJobs(), [...goodWitness(), ...signs("a", 3, 500)])).toMatchObject({ staleWrites: 1 });
  });

  test("a success that the step did not have is a wrong verdict, of the job and of its run", () => {
    const [a, , c] = goodJobs();
    if (a === undefined || c === undefined) throw new Error("three jobs");
    const jobs = [a, job("b", "succeeded", [[1, "succeeded"]]), c];
    expect(judged(jobs, goodWitness(), "succeeded")).toMatchObject({ wrongVerdicts: 2 });
  });

  test("a success that nobody saw, or that was not seen to finish, is a wrong verdict", () => {
    expect(
      judged(
        goodJobs(),
        goodWitness().filter(({ job: id }) => id !== "b"),
      ),
    ).toMatchObject({ wrongVerdicts: 1 });
    expect(
      judged(
        goodJobs(),
        goodWitness().filter(({ sign }) => sign === "start"),
      ),
    ).toMatchObject({ wrongVerdicts: 2 });
  });
});

test("any count makes a score unclean, any missed bound late", () => {
  expect(verdictOf({ counts: CLEAN, goals: [{ what: "", ms: 5, atMostMs: 5 }] })).toBe("clean");
  expect(verdictOf({ counts: CLEAN, goals: [{ what: "", ms: 6, atMostMs: 5 }] })).toBe("clean, but late");
  for (const name of Object.keys(CLEAN))
    expect(verdictOf({ counts: { ...CLEAN, [name]: 1 }, goals: [] })).toBe("NOT CLEAN");
});
