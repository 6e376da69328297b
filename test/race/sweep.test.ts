import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TAG_SHARES } from "../../shared/domain/limits.ts";
import { projectBody } from "../../shared/protocol/projects.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { runItemSchema } from "../../shared/store/items.ts";
import { branchKey, headsKey, headsPartition, projectItemKey, projectKey } from "../../shared/store/keys.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { headsRefOf, type SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepParts } from "../../shared/usecases/sweep-parts.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../shared/usecases/sweep-schedules.ts";
import { type FakeRepository, makeFakeRepository } from "../support/fake-forge.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";
import { startWorld, type World } from "../support/world.ts";

/** Sweep on the real engine: its moves as conditional writes, its candidates from the real index. */

const PIPELINE =
  "on: {push: {branches: ['**'], tags: ['**']}, pull_request: , schedule: [{cron: '0 * * * *'}]}\njobs: {build: {run: make}}\n";
const tagOf = (tag: string, at: string) => ({ tag, sha: sha(at), kind: "commit" }) as const;
const sha = (name: string) => Buffer.from(name.padEnd(20, ".")).toString("hex");
const never = () => false;

let world: World;
let deps: SweepDeps;
beforeAll(async () => {
  world = await startWorld();
  deps = { ...world.deps, sweeps: world.sweeps };
});
afterAll(() => world.stop());

let project: ProjectItem;
let repository: FakeRepository;
let projects = 0;
beforeEach(async () => {
  // On the minute at which sweep looks for new projects.
  world.clock.nowMs = Math.ceil((world.clock.nowMs + HOUR_MS) / (5 * MINUTE_MS)) * 5 * MINUTE_MS;
  projects += 1;
  const name = `shop-${projects}`;
  const body = projectBody.parse({ name, forge: { kind: "github", repository: `acme/${name}` } });
  const facts = { hasCloneToken: false, createdAtMs: world.clock.nowMs, updatedAtMs: world.clock.nowMs };
  project = { ...projectItemKey("main", name), v: 1, tenant: "main", family: "project", ...body, ...facts };
  expect(await deps.projects.addProject(project)).toBe("added");
  repository = makeFakeRepository();
  repository.files.set(".baton/ci.yml", PIPELINE);
  repository.branches.set("main", sha("m1"));
  repository.branches.set("dev", sha("d1"));
  repository.tags.set("v0", tagOf("v0", "m1"));
  world.repositories.set(`acme/${name}`, repository);
  await sweepProjects(deps, never);
});

async function sweepAfter(ms: number, atOnce = 1): Promise<void> {
  world.clock.nowMs += ms;
  await Promise.all(Array.from({ length: atOnce }, () => sweepProjects(deps, never)));
}

async function runs() {
  const { runs: found } = await deps.store.runsOfProject(projectKey("main", project.name), 100, undefined);
  const items = await Promise.all(found.map(({ runId }) => deps.store.getRun({ tenant: "main", runId })));
  return items.map((item) => runItemSchema.parse(item));
}

describe("heads", () => {
  test("that a clock years ahead has postponed are compared once it is right again", async () => {
    const nowMs = world.clock.nowMs;
    await sweepAfter(10 * 365 * 24 * HOUR_MS);
    world.clock.nowMs = nowMs;
    repository.branches.set("main", sha("m2"));
    await sweepAfter(5 * MINUTE_MS);
    expect(await runs()).toMatchObject([{ source: { sha: sha("m2") }, trigger: { via: "sweep", branch: "main" } }]);
  });

  test("are seen, moved on, left, and forgotten with their project", async () => {
    const ref = headsRefOf(project);
    expect((await deps.sweeps.listHeads(headsPartition(ref))).map(({ sk, sha: at }) => [sk, at])).toEqual([
      ["HEAD#BRANCH#dev", sha("d1")],
      ["HEAD#BRANCH#main", sha("m1")],
    ]);
    repository.branches.set("main", sha("m2"));
    repository.branches.delete("dev");
    await sweepAfter(5 * MINUTE_MS);
    expect(await runs()).toMatchObject([{ source: { sha: sha("m2") }, trigger: { via: "sweep", branch: "main" } }]);
    const heads = await deps.sweeps.listHeads(headsPartition(ref));
    expect(heads.map(({ sk, state, sha: at }) => [sk, state, at])).toEqual([
      [branchKey(ref, "dev").sk, "gone", sha("d1")],
      [branchKey(ref, "main").sk, "seen", sha("m2")],
    ]);
    await deps.projects.removeProject("main", project.name, world.clock.nowMs);
    await sweepAfter(5 * MINUTE_MS);
    expect(await deps.sweeps.getHeads(headsKey(ref))).toMatchObject({ state: "retired", ttl: expect.any(Number) });
    expect((await deps.sweeps.listHeads(headsPartition(ref))).map(({ state }) => state)).toEqual(["gone", "gone"]);
    expect((await deps.sweeps.due("HEADS", Number.MAX_SAFE_INTEGER, 100)).map(({ pk }) => pk)).not.toContain(
      headsPartition(ref),
    );
  });

  test("with eight sweeps and a late webhook at once, a lost push has one run", async () => {
    repository.branches.set("main", sha("m2"));
    const trigger = { event: "push", sha: sha("m2"), branch: "main", before: sha("m1"), occurredAtMs: 1 } as const;
    await Promise.all([sweepAfter(5 * MINUTE_MS, 8), startTriggered(deps, project, trigger, "webhook")]);
    await sweepAfter(5 * MINUTE_MS);
    expect(await runs()).toHaveLength(1);
  });
});

test("a schedule fires once with eight sweeps at once, and moves on to its next due time", async () => {
  const [born] = await deps.sweeps.listSchedules(headsPartition(headsRefOf(project)));
  expect(born).toMatchObject({ state: "active", cron: "0 * * * *" });
  for (const lateMs of [0, 2_000, MINUTE_MS]) {
    world.clock.nowMs = (born?.dueAtMs ?? 0) + lateMs;
    await Promise.all(Array.from({ length: 8 }, () => sweepSchedules(deps, never)));
  }
  expect(await runs()).toMatchObject([{ trigger: { event: "schedule", occurredAtMs: born?.dueAtMs, lateMs: 0 } }]);
  const [after] = await deps.sweeps.listSchedules(headsPartition(headsRefOf(project)));
  expect(after).toMatchObject({ dueAtMs: (born?.dueAtMs ?? 0) + HOUR_MS, tries: 0, skipped: 0 });
});

test("the last sweep is written once, and over by the next", async () => {
  await sweepParts(deps, []);
  world.clock.nowMs += MINUTE_MS;
  await expect(
    sweepParts(deps, [
      {
        name: "runs",
        async sweep() {
          throw new Error("no index");
        },
      },
    ]),
  ).rejects.toThrow("runs");
  expect(await deps.sweeps.getSweep("main")).toMatchObject({ startedAtMs: world.clock.nowMs, failedParts: ["runs"] });
});

test("two thousand branches are seen at first, and one that is pushed is found among them", async () => {
  for (let branch = 0; branch < 2_000; branch += 1)
    repository.branches.set(`team/feature-${branch}`, sha(`f${branch}`));
  await deps.projects.removeProject("main", project.name, world.clock.nowMs);
  world.clock.nowMs += 5 * MINUTE_MS;
  project = { ...project, createdAtMs: world.clock.nowMs, updatedAtMs: world.clock.nowMs };
  await deps.projects.addProject(project);
  await sweepAfter(0);
  repository.branches.set("team/feature-1234", sha("new"));
  await sweepAfter(5 * MINUTE_MS);
  expect(await runs()).toMatchObject([{ trigger: { branch: "team/feature-1234" } }]);
  expect(await deps.sweeps.listHeads(headsPartition(headsRefOf(project)))).toHaveLength(2_002);
});

describe("tags", () => {
  test("are seen, moved, and forgotten with their project", async () => {
    const partition = headsPartition(headsRefOf(project));
    repository.tags.set("v0", tagOf("v0", "m2"));
    repository.tags.set("v1", tagOf("v1", "m1"));
    await sweepAfter(5 * MINUTE_MS);
    expect((await runs()).map(({ trigger, source }) => [trigger?.tag, source?.sha]).sort()).toEqual([
      ["v0", sha("m2")],
      ["v1", sha("m1")],
    ]);
    expect((await deps.sweeps.listTags(partition)).map(({ seen }) => seen).join("")).toHaveLength(3 * 16);
    await deps.projects.removeProject("main", project.name, world.clock.nowMs);
    await sweepAfter(5 * MINUTE_MS);
    for (const { ttl } of await deps.sweeps.listTags(partition)) expect(ttl).toEqual(expect.any(Number));
  });

  test("with eight sweeps and a late webhook at once, a lost push of one has one run", async () => {
    repository.tags.set("v1", tagOf("v1", "m1"));
    const trigger = { event: "tag", sha: sha("m1"), tag: "v1", occurredAtMs: 1 } as const;
    await Promise.all([sweepAfter(5 * MINUTE_MS, 8), startTriggered(deps, project, trigger, "webhook")]);
    await sweepAfter(5 * MINUTE_MS);
    expect(await runs()).toHaveLength(1);
  });

  test("thirty thousand of them are seen at first, and one that is pushed is found among them", async () => {
    for (let tag = 0; tag < 30_000; tag += 1)
      repository.tags.set(`releases/v-${tag}`, tagOf(`releases/v-${tag}`, `t${tag}`));
    await deps.projects.removeProject("main", project.name, world.clock.nowMs);
    world.clock.nowMs += 5 * MINUTE_MS;
    project = { ...project, createdAtMs: world.clock.nowMs, updatedAtMs: world.clock.nowMs };
    await deps.projects.addProject(project);
    const wrote = await writesOf(() => sweepAfter(0));
    repository.tags.set("releases/v-12345", tagOf("releases/v-12345", "moved"));
    await sweepAfter(5 * MINUTE_MS);
    expect(await runs()).toMatchObject([{ trigger: { tag: "releases/v-12345" } }]);
    const items = await deps.sweeps.listTags(headsPartition(headsRefOf(project)));
    expect(items).toHaveLength(TAG_SHARES);
    process.stdout.write(
      `  30,000 tags: ${wrote} writes, ${Math.max(...items.map(({ seen }) => seen.length))} bytes a share\n`,
    );
    expect(wrote).toBeLessThan(60);
  });
});

test("a pull request that is closed, with eight sweeps and a late webhook at once, is closed once", async () => {
  repository.files.set(".baton/ci.yml", "supersede: true\non: {pull_request: }\njobs: {build: {run: make}}\n");
  const pull = {
    event: "pull_request",
    action: "synchronize",
    number: 7,
    sha: sha("p1"),
    branch: "fix",
    base: { branch: "main", sha: sha("m1") },
    fork: false,
    occurredAtMs: world.clock.nowMs,
  } as const;
  repository.pulls.set(7, pull);
  await sweepAfter(5 * MINUTE_MS);
  const closed = { ...pull, action: "closed", occurredAtMs: world.clock.nowMs } as const;
  repository.pulls.delete(7);
  repository.closedPulls.set(7, closed);
  await Promise.all([sweepAfter(5 * MINUTE_MS, 8), startTriggered(deps, project, closed, "webhook")]);
  await startTriggered(deps, project, closed, "webhook");
  const [run, ...others] = await runs();
  expect(run).toMatchObject({ state: expect.stringMatching(/^cancel/), trigger: { number: 7 } });
  expect(others).toEqual([]);
  expect(Object.keys(run?.history ?? {}).filter((move) => move.endsWith(".supersede"))).toHaveLength(1);
});

/** How many items a sweep writes. */
async function writesOf(act: () => Promise<void>): Promise<number> {
  let writes = 0;
  const { store } = deps;
  const counting = <A extends unknown[], R>(write: (...args: A) => R) => {
    return (...args: A) => {
      writes += 1;
      return write(...args);
    };
  };
  const all = deps;
  deps = {
    ...deps,
    store: { ...store, apply: counting(store.apply) as typeof store.apply, birthEach: counting(store.birthEach) },
  };
  await act();
  deps = all;
  return writes;
}
