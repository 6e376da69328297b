import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DUE_SHARDS, SESSION_MS, STATUS_RUNNERS_MAX, STATUS_RUNS_MAX } from "../../../shared/domain/limits.ts";
import { statusReply } from "../../../shared/protocol/status.ts";
import { closeSession, openSession } from "../../../shared/usecases/open-session.ts";
import { readStatus, type StatusDeps } from "../../../shared/usecases/read-status.ts";
import { claimAt, planOf, startRun } from "../../support/scenario.ts";
import { startWorld, type World } from "../../support/world.ts";

let world: World;
let deps: StatusDeps;

beforeEach(async () => {
  world = await startWorld();
  deps = {
    ...world.deps,
    sweeps: world.sweeps,
    offersOf: async (pool) => (pool === "gpu" ? 3 : 0),
    deadLetterQueues: ["ticks"],
    deadLettersOf: async () => 0,
    usage: async () => {
      throw new Error("nobody counts here");
    },
  };
});
afterEach(() => world.stop());

const status = async (change: Partial<StatusDeps> = {}) =>
  statusReply.parse(await readStatus({ ...deps, ...change }, { cost: "yes" }));

const runner = { name: "r1", pools: ["default"], slots: 2, poll: "queue", ephemeral: false } as const;

test("what is unknown is named, and not told as 0", async () => {
  const seen = await status();
  expect(seen).not.toHaveProperty("sweep");
  expect(seen).not.toHaveProperty("cost");
  expect(seen.unknown.map(({ what }) => what).sort()).toEqual(["cost", "sweep"]);
  expect(seen.runs).toEqual({ active: 0, pending: 0, executing: 0, finalizing: 0 });
});

test("a part that fails leaves the others as they are", async () => {
  const dueRuns = () => Promise.reject(new Error("the index is gone"));
  const deadLettersOf = () => Promise.reject(new Error("no such queue"));
  const seen = await status({ store: { ...world.deps.store, dueRuns }, deadLettersOf });
  expect(seen).not.toHaveProperty("runs");
  expect(seen).not.toHaveProperty("jobs");
  expect(seen.deadLetters).toEqual([{ queue: "ticks" }]);
  expect(seen.pools).toEqual([
    { name: "default", offers: 0 },
    { name: "gpu", offers: 3 },
  ]);
  expect(seen.unknown).toContainEqual({ what: "runs", why: "the index is gone" });
  expect(seen.unknown).toContainEqual({ what: "the dead letters of ticks", why: "no such queue" });
});

test("a leased job makes its runner busy, and the longest wait is of the job that has been free for longest", async () => {
  await openSession(world.deps, runner);
  const old = await startRun(world.deps, planOf({ id: "waits", pool: "gpu" }));
  world.clock.nowMs += 60_000;
  const run = await startRun(world.deps, planOf({ id: "taken" }, { id: "free" }, { id: "later", needs: ["taken"] }));
  await claimAt(world.deps, { runId: run.runId, jobId: "taken" });
  world.clock.nowMs += 1_000;
  const seen = await status();
  expect(seen.runs).toEqual({ active: 2, pending: 1, executing: 1, finalizing: 0 });
  expect(seen.jobs).toEqual({ waiting: 1, held: 0, queued: 2, leased: 1 });
  expect(seen.oldestWait).toEqual({ run: old.runId, job: "waits", pool: "gpu", waitMs: 61_000 });
  expect(seen.pools).toEqual([
    { name: "default", offers: 0, queued: 1, leased: 1 },
    { name: "gpu", offers: 3, queued: 1, leased: 0 },
  ]);
  expect(seen.runners).toMatchObject([{ name: "r1", state: "busy", busy: 1, slots: 2, processes: 1 }]);
});

test("case C16: a process that renews its session is one runner, and one of the same name takes its place; without a session it is offline", async () => {
  const first = await openSession(world.deps, runner);
  world.clock.nowMs += SESSION_MS / 2;
  await openSession(world.deps, { ...runner, firstSession: first.runnerId });
  await openSession(world.deps, { ...runner, slots: 5 });
  const seenAtMs = world.clock.nowMs;
  expect((await status()).runners).toEqual([
    { name: "r1", state: "available", processes: 1, pools: ["default"], slots: 5, busy: 0, lastSeenAtMs: seenAtMs },
  ]);
  world.clock.nowMs += SESSION_MS + 1;
  expect((await status()).runners).toMatchObject([{ name: "r1", state: "offline", processes: 0, slots: 0 }]);
  world.clock.nowMs += 3_600_000;
  expect((await status()).runners).toEqual([]);
});

describe("case C16: a runner that says that it goes", () => {
  const sessionOf = (runnerId: string, ephemeral = false) => ({
    tenant: "main",
    runnerId,
    name: "r1",
    pools: ["default"],
    expiresAtMs: world.clock.nowMs + SESSION_MS,
    ...(ephemeral ? { ephemeral: true as const } : {}),
  });
  const shown = async () =>
    (await status()).runners.map(({ state, processes, slots }) => `${state} ${processes} × ${slots}`);
  const start = async (change: Partial<Parameters<typeof openSession>[1]> = {}) => {
    world.clock.nowMs += 1_000;
    return (await openSession(world.deps, { ...runner, ...change })).runnerId;
  };

  test("is offline at once, and a session of it that comes late does not bring it back", async () => {
    const first = await start();
    const renewed = await start({ firstSession: first });
    await closeSession(world.deps, sessionOf(renewed));
    expect(await shown()).toEqual(["offline 0 × 0"]);
    await start({ firstSession: first });
    expect(await shown()).toEqual(["offline 0 × 0"]);
  });

  test("is started again under its name, and the goodbye of before comes after that: the new one stays", async () => {
    const old = await start();
    await start({ slots: 3 });
    await closeSession(world.deps, sessionOf(old));
    expect(await shown()).toEqual(["available 1 × 3"]);
  });

  test("was killed and is started again: its slots count once, also where a session of before is renewed late", async () => {
    const old = await start();
    await start({ slots: 3 });
    expect(await shown()).toEqual(["available 1 × 3"]);
    await start({ firstSession: old });
    expect(await shown()).toEqual(["available 1 × 3"]);
    world.clock.nowMs += SESSION_MS + 1;
    expect(await shown()).toEqual(["offline 0 × 0"]);
  });

  test("is ephemeral: the next of its host is there, whatever the one before says late", async () => {
    const one = await start({ ephemeral: true, slots: 1 });
    const next = await start({ ephemeral: true, slots: 1 });
    await closeSession(world.deps, sessionOf(one, true));
    expect(await shown()).toEqual(["available 1 × 1"]);
    await closeSession(world.deps, sessionOf(next, true));
    expect(await shown()).toEqual(["offline 0 × 0"]);
    await start({ ephemeral: true, slots: 1 });
    expect(await shown()).toEqual(["available 1 × 1"]);
  });

  test("was started a thousand times leaves one item, and hides no other", async () => {
    await start({ name: "z-other" });
    for (let nth = 0; nth < STATUS_RUNNERS_MAX + 20; nth += 1) await start({ slots: 1 + (nth % 3) });
    const { runners, cut } = await world.deps.runners.list("main", STATUS_RUNNERS_MAX);
    expect([runners.length, cut]).toEqual([2, false]);
    expect((await status()).runners.map(({ name }) => name)).toEqual(["r1", "z-other"]);
  });

  test("is seen again where another process of its name is over, or came from a clock that was ahead", async () => {
    const living = await start({ slots: 1 });
    await start({ slots: 3 });
    world.clock.nowMs += SESSION_MS + 1;
    await start({ slots: 1, firstSession: living });
    expect(await shown()).toEqual(["available 1 × 1"]);
    world.clock.nowMs += 86_400_000;
    await start({ slots: 4 });
    world.clock.nowMs -= 86_400_000;
    await start({ slots: 5 });
    expect(await shown()).toEqual(["available 1 × 5"]);
    await start({ slots: 6, firstSession: `rnr_${"z".repeat(26)}` });
    await start({ slots: 7 });
    expect(await shown()).toEqual(["available 1 × 7"]);
  });

  test("is another one where its name is used again in other pools, and the same where they have one in common", async () => {
    await start({ pools: ["default"] });
    const gpu = await start({ pools: ["gpu"], slots: 4 });
    expect((await shown()).sort()).toEqual(["available 1 × 2", "available 1 × 4"]);
    const run = await startRun(world.deps, planOf({ id: "taken" }));
    await claimAt(world.deps, { runId: run.runId, jobId: "taken" });
    expect((await shown()).sort()).toEqual(["available 1 × 4", "busy 1 × 2"]);
    await closeSession(world.deps, { ...sessionOf(gpu), pools: ["gpu"] });
    expect((await shown()).sort()).toEqual(["busy 1 × 2", "offline 0 × 0"]);
    await start({ pools: ["gpu", "default"], slots: 5 });
    expect((await shown()).sort()).toEqual(["busy 1 × 5"]);
  });

  test("touches no other runner of the tenant", async () => {
    await start();
    const other = await start({ name: "r2" });
    await closeSession(world.deps, { ...sessionOf(other), name: "r2" });
    expect(await shown()).toEqual(["available 1 × 2", "offline 0 × 0"]);
  });
});

test("where more runs are active than are looked at, it says so", async () => {
  const run = await startRun(world.deps, planOf({ id: "one" }));
  const dueRuns = async (_shard: string, _beforeMs: number, limit: number) =>
    Array.from({ length: limit }, () => ({ tenant: "main", runId: run.runId, tickSeq: 0 }));
  let reads = 0;
  const getRunItems: StatusDeps["store"]["getRunItems"] = (ref) => {
    reads += 1;
    return world.deps.store.getRunItems(ref);
  };
  const seen = await status({ store: { dueRuns, getRunItems } });
  expect(seen.cut).toEqual(["runs"]);
  expect(reads).toBe(STATUS_RUNS_MAX);
  expect(STATUS_RUNS_MAX % DUE_SHARDS).toBe(0);
});
