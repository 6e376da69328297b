import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobMoves } from "../../shared/domain/job-moves.ts";
import { LEASE_TTL_MS } from "../../shared/domain/limits.ts";
import { runMoves } from "../../shared/domain/run-moves.ts";
import type { IdempotencyItem, JobItem, RunItem, TokenItem } from "../../shared/store/items.ts";
import { idempotencyKey, jobKey, runKey, tokenKey } from "../../shared/store/keys.ts";
import { ITEM_VERSION } from "../../shared/store/migrate.ts";
import type { Store } from "../../shared/store/store.ts";
import { liveRun, planItems, type RunSeed, specItem } from "../../shared/usecases/births.ts";
import { makeSimIndex } from "../sim/world/sim-index.ts";
import { makeSimTable } from "../sim/world/sim-table.ts";
import { type JobWish, planOf } from "../support/scenario.ts";
import { TABLE_KINDS, type TableUnderTest } from "../support/tables.ts";

/**
 * What the store's users rely on, held on each kind of table alike: so the simulator's findings are about DynamoDB, and
 * not about a table that nobody runs on. test/race/differential.test.ts does the same for single moves, at random.
 */

const NOW_MS = Date.UTC(2026, 0, 1);
const CAUSE = { actor: "test" };
/** An index follows its table within this. */
const FOLLOWS = { timeout: 15_000, interval: 20 };
const BIG = "x".repeat(60_000);

let numbers = 0;
const unique = () => `${Date.UTC(2026, 0, 1).toString(36)}${randomBytes(6).toString("hex")}${numbers++}`;

function seed(change: Partial<RunSeed> = {}): RunSeed {
  const runId = `run_${unique()}`;
  return { tenant: "main", runId, project: "p", watch: false, createdBy: "test", createdAtMs: NOW_MS, ...change };
}

/** A run of these jobs, as it is born. */
function newRun(wishes: readonly JobWish[], change: Partial<RunSeed> = {}) {
  const born = seed(change);
  const plan = planOf(...wishes);
  const items = planItems(born, plan, 0);
  const run = liveRun(born, "p", "digest", items);
  const specs = plan.jobs.map((job) => specItem(born, job.id, "p", job.spec));
  return { ref: { tenant: "main", runId: born.runId }, run, ...items, specs };
}

const claimArgs = (claimId: string, fence = 0) => ({
  nowMs: NOW_MS,
  fence,
  nextFence: fence + 1,
  pool: "default",
  lease: { claimId, runnerId: "r", runnerName: "r", grantedAtMs: NOW_MS, expiresAtMs: NOW_MS + LEASE_TTL_MS },
  attempt: { claimId, runnerId: "r", runnerName: "r", grantedAtMs: NOW_MS },
});
const endNodeArgs = (node: string) => ({ nowMs: NOW_MS, node, failed: 1, lost: 0 });

describe.each(TABLE_KINDS)("$name", ({ start }) => {
  let table: TableUnderTest;
  let store: Store;
  beforeAll(async () => {
    table = await start();
    store = table.store;
  });
  afterAll(() => table.stop());

  async function bornRun(...wishes: readonly JobWish[]) {
    const made = newRun(wishes);
    expect(await store.birth([made.run, ...made.jobs, ...made.specs, ...made.checks])).toBe("born");
    return made;
  }

  describe("a move", () => {
    test("that is legal answers the item as it is then, and so does a read", async () => {
      const { ref } = await bornRun({ id: "a" });
      const { applied, item } = await store.apply(
        jobMoves.claim,
        jobKey({ ...ref, jobId: "a" }),
        claimArgs("one"),
        CAUSE,
      );
      expect(applied).toBe(true);
      expect(item).toMatchObject({
        state: "leased",
        fence: 1,
        lease: { claimId: "one" },
        attempts: { 1: { claimId: "one" } },
      });
      expect(item?.history["1.claim"]).toEqual({ atMs: NOW_MS, actor: "test" });
      expect(await store.getJob({ ...ref, jobId: "a" })).toEqual(item);
    });

    test("that is refused answers the item that refused it, and changes nothing", async () => {
      const { ref } = await bornRun({ id: "a" });
      const key = jobKey({ ...ref, jobId: "a" });
      await store.apply(jobMoves.claim, key, claimArgs("one"), CAUSE);
      const before = await store.getJob({ ...ref, jobId: "a" });
      expect(await store.apply(jobMoves.claim, key, claimArgs("two"), CAUSE)).toEqual({ applied: false, item: before });
      expect(await store.getJob({ ...ref, jobId: "a" })).toEqual(before);
    });

    test("of an item that is not there is refused, makes none, and answers none", async () => {
      const ref = { tenant: "main", runId: `run_${unique()}` };
      const answer = await store.apply(jobMoves.claim, jobKey({ ...ref, jobId: "a" }), claimArgs("one"), CAUSE);
      expect(answer).toEqual({ applied: false, item: undefined });
      expect(await store.getJob({ ...ref, jobId: "a" })).toBeUndefined();
    });

    test("whose guard looks at a missing attribute is refused", async () => {
      const { ref } = await bornRun({ id: "a" });
      const args = {
        nowMs: NOW_MS,
        fence: 0,
        claimId: "one",
        newExpiryMs: NOW_MS + 1,
        phase: "running",
        step: 0,
        logBytes: 0,
      };
      for (const move of [jobMoves.ack, jobMoves.heartbeat, jobMoves.expire]) {
        const full = { ...args, end: { outcome: "lost", atMs: NOW_MS }, queueDeadlineMs: NOW_MS };
        expect((await store.apply(move, jobKey({ ...ref, jobId: "a" }), full, CAUSE)).applied, move.name).toBe(false);
      }
    });

    test("that would write into a map that is not there throws, and changes nothing", async () => {
      const { run, jobs } = newRun([{ id: "a" }]);
      const [job] = jobs;
      const { attempts: _none, ...odd } = job as JobItem;
      await store.birth([run, odd as JobItem]);
      const key = jobKey({ ...run, jobId: "a" });
      await expect(store.apply(jobMoves.claim, key, claimArgs("one"), CAUSE)).rejects.toThrow();
      const { item } = await store.apply(runMoves.finishCancel, runKey(run), { nowMs: NOW_MS }, CAUSE);
      expect(item?.state).toBe("live");
    });

    test("is made by one of 40 contenders, and the others see whose it is", async () => {
      const { ref } = await bornRun({ id: "a" });
      const key = jobKey({ ...ref, jobId: "a" });
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, at) => store.apply(jobMoves.claim, key, claimArgs(`claim ${at}`), CAUSE)),
      );
      const winners = answers.filter(({ applied }) => applied);
      expect(winners).toHaveLength(1);
      expect(new Set(answers.map(({ item }) => item?.lease?.claimId)).size).toBe(1);
      expect(answers.every(({ item }) => item?.fence === 1)).toBe(true);
    });

    test("takes what it is given as it is at that moment", async () => {
      const { ref } = await bornRun({ id: "a" });
      const args = claimArgs("one");
      const { item } = await store.apply(jobMoves.claim, jobKey({ ...ref, jobId: "a" }), args, CAUSE);
      args.lease.claimId = "changed";
      expect(item?.lease?.claimId).toBe("one");
      expect((await store.getJob({ ...ref, jobId: "a" }))?.lease?.claimId).toBe("one");
    });
  });

  describe("numbers and sets", () => {
    test("every one of many concurrent removals is counted once, and the last one removes the set", async () => {
      const ids = Array.from({ length: 12 }, (_, at) => `j${at}`);
      const { ref } = await bornRun(...ids.map((id) => ({ id })));
      const end = (id: string) => store.apply(runMoves.endNode, runKey(ref), endNodeArgs(`JOB#${id}`), CAUSE);
      const answers = await Promise.all([...ids, ...ids].map(end));
      expect(answers.filter(({ applied }) => applied)).toHaveLength(ids.length);
      const run = await store.getRun(ref);
      expect(run?.open).toBeUndefined();
      expect(run?.tally).toEqual({ failed: ids.length, lost: 0 });
    });

    test("a member that is not in the set is not removed, and nothing is counted for it", async () => {
      const { ref } = await bornRun({ id: "a" }, { id: "b" });
      const answer = await store.apply(runMoves.endNode, runKey(ref), endNodeArgs("JOB#c"), CAUSE);
      expect(answer).toMatchObject({
        applied: false,
        item: { open: new Set(["JOB#a", "JOB#b"]), tally: { failed: 0 } },
      });
    });

    test("an empty set cannot be born", async () => {
      const { run } = newRun([{ id: "a" }]);
      await expect(store.birth([{ ...run, open: new Set<string>() }])).rejects.toThrow();
      expect(await store.getRun(run)).toBeUndefined();
    });

    test("what is undefined is not there", async () => {
      const { run } = newRun([{ id: "a" }]);
      await store.birth([{ ...run, reason: undefined, open: undefined } as unknown as RunItem]);
      const read = await store.getRun(run);
      expect(Object.keys(read ?? {})).not.toContain("reason");
      expect((await store.apply(runMoves.succeed, runKey(run), { nowMs: NOW_MS }, CAUSE)).applied).toBe(true);
    });

    test("entries of a map may be called as what every object has", async () => {
      const { ref } = await bornRun({ id: "constructor" }, { id: "a", needs: ["constructor"] });
      const args = { nowMs: NOW_MS, source: "constructor", outcome: "passed" };
      const key = jobKey({ ...ref, jobId: "a" });
      expect((await store.apply(jobMoves.resolve, key, args, CAUSE)).applied).toBe(true);
      expect((await store.apply(jobMoves.resolve, key, args, CAUSE)).applied).toBe(false);
      expect(Object.entries((await store.getJob({ ...ref, jobId: "a" }))?.resolved ?? {})).toEqual([
        ["constructor", "passed"],
      ]);
    });
  });

  describe("a birth", () => {
    test("writes all, or none where one of them is there already", async () => {
      const { run, jobs } = await bornRun({ id: "a" });
      const other = newRun([{ id: "b" }]);
      expect(await store.birth([other.run, ...other.jobs, ...jobs])).toBe("exists");
      expect(await store.getRun(other.run)).toBeUndefined();
      expect(await store.birth([run])).toBe("exists");
    });

    test("of two at once is one", async () => {
      const { run } = newRun([{ id: "a" }]);
      const answers = await Promise.all(Array.from({ length: 10 }, () => store.birth([run])));
      expect(answers.filter((answer) => answer === "born")).toHaveLength(1);
    });

    test("of more than a transaction holds, or in a state that no row bears, is refused", async () => {
      const { run, jobs } = newRun([{ id: "a" }]);
      await expect(store.birth(Array.from({ length: 101 }, () => run))).rejects.toThrow("does not fit");
      await expect(store.birth(jobs.map((job): JobItem => ({ ...job, state: "running" })))).rejects.toThrow("no row");
    });

    test("of each writes what is missing, and leaves what is there as it has become", async () => {
      const wishes = Array.from({ length: 30 }, (_, at) => ({ id: `j${at}` }));
      const { run, jobs, ref } = newRun(wishes);
      await store.birthEach(jobs.slice(0, 15));
      await store.apply(jobMoves.claim, jobKey({ ...ref, jobId: "j3" }), claimArgs("one"), CAUSE);
      await Promise.all([store.birthEach([run, ...jobs]), store.birthEach(jobs)]);
      const items = await store.getRunItems(ref);
      expect(items.jobs.map((job) => job.jobId)).toEqual(wishes.map(({ id }) => id));
      expect(items.jobs[3]?.state).toBe("leased");
    });
  });

  describe("a read of a whole run", () => {
    test("brings its hot items in the order of the file, and no spec and no other run's", async () => {
      const { ref } = await bornRun({ id: "z", checks: ["c"] }, { id: "a", checks: ["c"] });
      const { run, jobs, checks, joins } = await store.getRunItems(ref);
      expect(run?.runId).toBe(ref.runId);
      expect(jobs.map((job) => job.jobId)).toEqual(["z", "a"]);
      expect(checks.map((check) => check.checkId)).toEqual(["c"]);
      expect(joins).toEqual([]);
      expect((await store.getSpecs(ref)).map((spec) => spec.jobId).sort()).toEqual(["a", "z"]);
      const nothing = await store.getRunItems({ tenant: "main", runId: `run_${unique()}` });
      expect(nothing).toEqual({ run: undefined, jobs: [], checks: [], joins: [] });
    });

    test("brings all of it where it is more than one page", async () => {
      const wishes = Array.from({ length: 45 }, (_, at) => ({ id: `j${at}`, script: BIG }));
      const { run, jobs, specs, ref } = newRun(wishes);
      await store.birthEach([run, ...jobs.map((job): JobItem => ({ ...job, reason: BIG })), ...specs]);
      expect((await store.getRunItems(ref)).jobs).toHaveLength(wishes.length);
      expect(await store.getSpecs(ref)).toHaveLength(wishes.length);
    });
  });

  describe("the indexes", () => {
    test("show a project's runs in pages, newest first, each once", async () => {
      const project = `p${unique()}`;
      const names = Array.from({ length: 7 }, (_, at) => `run_${at}${unique()}`);
      for (const runId of names) await store.birth([newRun([{ id: "a" }], { runId, project }).run]);
      const projectKey = `T#main#PROJECT#${project}`;
      await expect
        .poll(async () => (await store.runsOfProject(projectKey, 50, undefined)).runs, FOLLOWS)
        .toHaveLength(7);
      const seen: string[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < 5 && (page === 0 || cursor !== undefined); page += 1) {
        const { runs, cursor: next } = await store.runsOfProject(projectKey, 3, cursor);
        expect(runs.length).toBeLessThanOrEqual(3);
        seen.push(...runs.map(({ runId }) => runId));
        cursor = next;
      }
      expect(seen).toEqual([...names].reverse());
    });

    test("show a run that is due, with its seq, until it has ended", async () => {
      const { run, ref } = await bornRun({ id: "a" });
      const beforeMs = (run.wakeAtMs ?? 0) + 1;
      const mine = async (atMs: number) => {
        const due = await store.dueRuns(run.dueShard ?? "", atMs, 1_000);
        return due.filter(({ runId }) => runId === run.runId);
      };
      await expect.poll(() => mine(beforeMs), FOLLOWS).toEqual([{ ...ref, tickSeq: 0 }]);
      expect(await mine(beforeMs - 1), "not before its time").toEqual([]);
      await store.apply(runMoves.tick, runKey(ref), { nowMs: NOW_MS, seq: 0, wakeAtMs: beforeMs - 1 }, CAUSE);
      await expect.poll(() => mine(beforeMs), FOLLOWS).toEqual([{ ...ref, tickSeq: 1 }]);
      await store.apply(runMoves.endNode, runKey(ref), { ...endNodeArgs("JOB#a"), failed: 0 }, CAUSE);
      await store.apply(runMoves.succeed, runKey(ref), { nowMs: NOW_MS }, CAUSE);
      await expect.poll(() => mine(beforeMs), FOLLOWS).toEqual([]);
    });
  });

  test("a request's key finds its run", async () => {
    const key = idempotencyKey("main", "somebody", unique());
    const item: IdempotencyItem = {
      ...key,
      v: ITEM_VERSION,
      tenant: "main",
      family: "idempotency",
      runId: "run_1",
      requestDigest: "d",
    };
    expect(await store.getIdempotency(key)).toBeUndefined();
    expect(await store.birth([item])).toBe("born");
    expect(await store.birth([{ ...item, runId: "run_2" }])).toBe("exists");
    expect(await store.getIdempotency(key)).toEqual(item);
  });

  test("a token is found, listed, and revoked once", async () => {
    const tenant = `t${unique()}`;
    const token = (tokenId: string): TokenItem => ({
      ...tokenKey(tenant, tokenId),
      v: ITEM_VERSION,
      tenant,
      family: "token",
      tokenId,
      name: tokenId,
      scopes: ["read"],
      hash: "h",
      createdAtMs: NOW_MS,
    });
    await store.addToken(token("one"));
    await store.addToken(token("two"));
    expect((await store.listTokens(tenant)).map(({ tokenId }) => tokenId).sort()).toEqual(["one", "two"]);
    expect(await store.revokeToken(tenant, "one", NOW_MS)).toBe("revoked");
    expect(await store.revokeToken(tenant, "one", NOW_MS + 1), "again").toBe("revoked");
    expect((await store.getToken(tenant, "one"))?.revokedAtMs).toBe(NOW_MS);
    expect(await store.revokeToken(tenant, "three", NOW_MS)).toBe("unknown");
    expect(await store.getToken(tenant, "three")).toBeUndefined();
    expect(await store.revokeToken(tenant, "two", NOW_MS, "one"), "its witness is revoked").toBe("refused");
    expect(await store.revokeToken(tenant, "two", NOW_MS, "three"), "its witness is none").toBe("refused");
    expect((await store.getToken(tenant, "two"))?.revokedAtMs).toBeUndefined();
    await store.addToken(token("four"));
    expect(await store.revokeToken(tenant, "two", NOW_MS, "four")).toBe("revoked");
    expect(await store.revokeToken(tenant, "two", NOW_MS + 1, "four"), "again").toBe("revoked");
    expect(await store.revokeToken(tenant, "three", NOW_MS, "four")).toBe("unknown");
    expect(await store.getToken(tenant, "four")).toEqual(token("four"));
  });

  test("the table can be reached", async () => {
    await expect(store.ping()).resolves.toBeUndefined();
  });
});

describe("the simulated indexes are harsher than the engine's", () => {
  test("they show what was, in the order of the writes, until their lag has passed", () => {
    const time = { atMs: 0, lagMs: 100 };
    const table = makeSimTable();
    const index = makeSimIndex(table, { nowMs: () => time.atMs, lagMs: () => time.lagMs });
    const { run } = newRun([{ id: "a" }]);
    const seen = () => index.dueRuns(run.dueShard ?? "", Number.MAX_SAFE_INTEGER, 10).map(({ tickSeq }) => tickSeq);
    table.putNew([run]);
    expect(seen()).toEqual([]);
    time.atMs = 100;
    expect(seen()).toEqual([0]);
    table.update({ ...runMoves.tick, recorded: false }, run, { nowMs: 0, seq: 0, wakeAtMs: 5 });
    expect(seen(), "the write itself is not shown yet").toEqual([0]);
    // A later write with a shorter lag must not overtake an earlier one.
    time.lagMs = 0;
    table.update({ ...runMoves.tick, recorded: false }, run, { nowMs: 0, seq: 1, wakeAtMs: 6 });
    expect(seen()).toEqual([0]);
    time.atMs = 200;
    expect(seen()).toEqual([2]);
  });
});
