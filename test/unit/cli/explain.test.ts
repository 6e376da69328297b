import { describe, expect, test } from "vitest";
import { explainHistory } from "../../../cli/explain/explain-history.ts";
import { explainJob } from "../../../cli/explain/explain-job.ts";
import { explainRun } from "../../../cli/explain/explain-run.ts";
import type { TellTime } from "../../../cli/explain/tell-time.ts";
import { printDuration } from "../../../cli/print/duration.ts";
import { jobMoves } from "../../../shared/domain/job-moves.ts";
import { allOf } from "../../../shared/domain/predicate.ts";
import { runMoves } from "../../../shared/domain/run-moves.ts";
import type { JobView, RunView } from "../../../shared/protocol/runs.ts";
import { attempt, job, RUN_ID, run, START } from "./fixtures.ts";

const MINUTE = 60_000;
const at = (minutes: number): number => START + minutes * MINUTE;
const clock = (minutes: number): TellTime => ({
  nowMs: at(minutes),
  at: (atMs) => new Date(atMs).toISOString().slice(11, 19),
  span: printDuration,
});
const why = (one: JobView, minutes = 10, others: JobView[] = []) => explainJob(one, [one, ...others], clock(minutes));
const lostAt = (minutes: number) => ({ outcome: "lost" as const, atMs: at(minutes) });
const failedAt = (minutes: number, exitCode = 3) => ({ outcome: "failed" as const, atMs: at(minutes), exitCode });

describe("why a job stands where it does", () => {
  test("held: whose word it waits for, and how to give it", () => {
    const sha = "a".repeat(40);
    const held = job("build", { state: "held" });
    const told = (approval?: RunView["approval"]) =>
      explainJob(held, [held], clock(1), run("live", { ...(approval === undefined ? {} : { approval }) }));
    expect(told({ sha })).toEqual([
      `build is held: waits for approval. \`baton runs approve ${RUN_ID} --sha ${sha}\` lets it run.`,
    ]);
    expect(told({ sha, atMs: at(0), by: "token:ann" })[0]).toMatch(/is approved, and it is about to be queued/);
    expect(told()[0]).toMatch(/an approval or a free slot/);
  });

  test("queued: which pool, for how long, until when, and what to do", () => {
    const queued = job("build", { state: "queued", pool: "gpu", queuedAtMs: at(0), queueDeadlineMs: at(360) });
    expect(why(queued, 4)).toEqual([
      "build was queued at 12:00:00; nobody in pool `gpu` has claimed it for 4m 00s. It may wait until 18:00:00; then it counts as lost.",
      "A free runner of pool `gpu` takes it: `baton runner --pool gpu` starts one.",
    ]);
  });

  test("waiting: for which needs, and how they stand", () => {
    const waiting = job("deploy", { needs: allOf(["build", "test", "lint"]), resolved: { build: "passed" } });
    const others = [job("test", { state: "running" }), job("lint", { state: "queued" })];
    expect(why(waiting, 1, others)).toEqual(["deploy waits for test (running) and lint (queued)."]);
  });

  test("waiting for some of many: how many are enough", () => {
    const needs = { atLeast: 1, of: [{ need: "a" }, { need: "b" }] };
    expect(why(job("c", { needs }), 1, [job("a"), job("b")])[0]).toBe(
      "c waits for a (waiting) and b (waiting); 1 of its 2 needs are enough.",
    );
  });

  test("skipped: since what it needs failed", () => {
    const skipped = job("deploy", {
      state: "skipped",
      resolved: { build: "passed", test: "failed" },
      endedAtMs: at(3),
    });
    expect(why(skipped, 9, [job("test", { state: "timed_out" })])).toEqual([
      "deploy was skipped at 12:03:00, since test timed out.",
    ]);
  });

  test("retried after a loss: the loss budget pays, not the user's", () => {
    const again = job("build", {
      state: "queued",
      queuedAtMs: at(2),
      attempts: [attempt(1, { end: lostAt(2) })],
      left: { failed: 1, lost: 2 },
    });
    const [first, , second] = why(again, 3);
    expect(first).toContain("build was queued again at 12:02:00");
    expect(second).toBe(
      "Attempt 1 started at 12:00:00 on runner r1, and was lost at 12:02:00, after 2m 00s: the runner went away or gave it back, or its lease expired." +
        " It was queued again: the loss budget has 2 left now, your retries were not touched.",
    );
  });

  test.each([
    ["release", "runner_lost", "its runner died; the watchdog ended the steps and gave it back"],
    ["release", "drain", "its runner was stopped, and gave it back"],
    ["expireSpent", "no heartbeat", "its runner was silent until the lease expired"],
  ])("lost by %s (%s): how", (move, reason, text) => {
    const history = { [`1.${move}`]: { atMs: at(2), actor: "a", reason } };
    const again = job("build", { state: "queued", attempts: [attempt(1, { end: lostAt(2) })], history });
    expect(why(again, 3)[2]).toContain(`was lost at 12:02:00, after 2m 00s: ${text}.`);
  });

  test("retried after a failure: how many retries are left", () => {
    const again = job("test", {
      state: "running",
      attempts: [attempt(1, { end: failedAt(1) }), attempt(2, { grantedAtMs: at(2), startedAtMs: at(2) })],
      phase: "running",
      lease: { runner: "r2", expiresAtMs: at(3), step: 1, logBytes: 1_234 },
      left: { failed: 1, lost: 3 },
    });
    expect(why(again, 2.5)).toEqual([
      "test runs on runner r2 (step 2, 1.2 kB of log). Its lease lives until 12:03:00 unless it is renewed.",
      "Attempt 1 started at 12:00:00 on runner r1 and failed at 12:01:00, after 1m 00s: exit code 3. It was queued again: 1 retry is left now.",
      "Attempt 2 started at 12:02:00 on runner r2 and has not ended.",
    ]);
  });

  test("running with an expired lease: it is about to be taken back", () => {
    const stale = job("t", { state: "running", attempts: [attempt(1)], lease: { runner: "r1", expiresAtMs: at(1) } });
    expect(why(stale, 2)[0]).toContain("Its lease expired at 12:01:00, 1m 00s ago");
  });

  test("failed: by what, and that no retries are left", () => {
    const failure = { class: "user" as const, message: "step unit ended with code 3", step: "unit" };
    const failed = job("test", {
      state: "failed",
      endedAtMs: at(1),
      attempts: [attempt(1, { end: { ...failedAt(1), failure } })],
    });
    expect(why(failed)).toEqual([
      "test failed at 12:01:00, in its first attempt. No retries are left.",
      "Attempt 1 started at 12:00:00 on runner r1 and failed at 12:01:00, after 1m 00s: step unit ended with code 3.",
    ]);
  });

  test("failed and allowed: the run does not fail by it", () => {
    const failed = job("lint", { state: "failed", allowFailure: true, attempts: [attempt(1, { end: failedAt(1) })] });
    expect(why(failed)[0]).toContain("Its failure is allowed");
  });

  test("not the user's failure: its class is named", () => {
    const failure = { class: "tooling" as const, message: "secret API_KEY is not known here." };
    const failed = job("t", { state: "failed", attempts: [attempt(1, { end: { ...failedAt(1), failure } })] });
    expect(why(failed)[1]).toContain("after 1m 00s: secret API_KEY is not known here (tooling).");
  });

  test("lost, since nobody came", () => {
    const lost = job("t", { state: "lost", pool: "gpu", queuedAtMs: at(0), endedAtMs: at(360) });
    expect(why(lost)[0]).toBe(
      "t was lost at 18:00:00: no runner of pool `gpu` came for it in 6h 00m. That is the infrastructure's failure, not the job's.",
    );
  });

  test("lost, since its runners went away too often", () => {
    const attempts = [1, 2, 3, 4].map((fence) => attempt(fence, { end: lostAt(fence) }));
    const lost = job("t", { state: "lost", attempts, left: { failed: 0, lost: 0 }, endedAtMs: at(4) });
    expect(why(lost)[0]).toContain("its runners went away 4 times, and its loss budget is spent");
  });

  test("canceled: who and why", () => {
    const canceled = job("t", {
      state: "canceled",
      reason: "wrong branch",
      endedAtMs: at(1),
      history: { "0.cancel": { atMs: at(1), actor: "token:bob", reason: "wrong branch" } },
    });
    expect(why(canceled)).toEqual([
      "t was canceled at 12:01:00: wrong branch.",
      "12:01:00  canceled, by token:bob: wrong branch",
    ]);
  });

  test("stopping: since when, why, and what ends it", () => {
    const stopping = job("t", {
      state: "stopping",
      stop: { reason: "cancel", atMs: at(1), deadlineMs: at(2) },
      lease: { runner: "r1", expiresAtMs: at(1.5) },
      attempts: [attempt(1)],
    });
    expect(why(stopping)[0]).toBe(
      "t was asked to stop at 12:01:00 (cancel). Its runner, r1, must say that the processes are gone; if it does not, the lease ends by 12:02:00 and the job with it.",
    );
  });

  test("an attempt that was claimed and never began says so", () => {
    const { startedAtMs: _, ...unstarted } = attempt(1, { end: lostAt(1) });
    const lost = job("t", { state: "queued", attempts: [unstarted], queuedAtMs: at(1) });
    expect(why(lost)[2]).toContain("was claimed at 12:00:00 by runner r1, and never began, and was lost");
  });

  test("what could not be kept is said", () => {
    const end = { outcome: "succeeded" as const, atMs: at(1), losses: ["artifacts.tar.gz: the bucket answered 503"] };
    const done = job("t", { state: "succeeded", endedAtMs: at(1), attempts: [attempt(1, { end })] });
    expect(why(done)[1]).toContain("Not kept: artifacts.tar.gz: the bucket answered 503.");
  });
});

test("history stands in the order of time, with actor and reason", () => {
  const history = {
    "2.succeed": { atMs: at(5), actor: "runner:r2" },
    "1.expire": { atMs: at(2), actor: "reconcile", reason: "no heartbeat since 12:01:15" },
    "1.claim": { atMs: at(1), actor: "runner:r1" },
  };
  expect(explainHistory(history, clock(9))).toEqual([
    "12:01:00  claimed (fence 1), by runner:r1",
    "12:02:00  taken back: the lease expired; to be tried again (fence 1), by reconcile: no heartbeat since 12:01:15",
    "12:05:00  succeeded (fence 2), by runner:r2",
  ]);
});

test("every recorded move of jobs and runs has words", () => {
  const recorded = [...Object.values(jobMoves), ...Object.values(runMoves)].filter((move) => move.recorded);
  const wordless = recorded.filter((move) => {
    const [line = ""] = explainHistory({ [`1.${move.name}`]: { atMs: START, actor: "a" } }, clock(0));
    return /[a-z][A-Z]/.test(line);
  });
  expect(wordless.map((move) => move.name)).toEqual([]);
});

test("a run's explanation names the verdict, the bad checks and the jobs that need a word", () => {
  const jobs = [
    job("build", { state: "succeeded", attempts: [attempt(1)] }),
    job("test", { state: "failed", checks: ["unit"], endedAtMs: at(1), attempts: [attempt(1, { end: failedAt(1) })] }),
  ];
  const checks = [{ id: "unit", state: "final" as const, outcome: "failed" as const, jobs: ["test"] }];
  const seen = { run: run("failed", { endedAtMs: at(2) }), jobs, checks };
  const sentences = explainRun(seen, clock(3));
  expect(sentences.slice(0, 2)).toEqual([
    `${RUN_ID} failed: check unit failed; it ended at 12:02:00. It was created at 12:00:00 by token:alice.`,
    "Check unit failed: it is answered by test.",
  ]);
  expect(sentences.join("\n")).toContain("test failed at 12:01:00");
  expect(sentences.join("\n")).not.toContain("build succeeded");
});
