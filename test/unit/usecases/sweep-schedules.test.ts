import { beforeEach, describe, expect, test } from "vitest";
import { type Forge, ForgeError } from "../../../shared/usecases/forge.ts";
import { sweepProjects } from "../../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../../shared/usecases/sweep-schedules.ts";
import { makeSweepWorld, START_MS, type SweepWorld } from "../../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../support/times.ts";

const DAY_MS = 24 * HOUR_MS;
const never = () => false;
const sha = (name: string) => Buffer.from(name.padEnd(20, ".")).toString("hex");
const pipelineOf = (...lines: readonly string[]) =>
  `on: {schedule: [${lines.map((line) => `{${line}}`).join(", ")}]}\njobs: {build: {run: make}}\n`;

let world: SweepWorld;
beforeEach(() => {
  world = makeSweepWorld();
});

/** A project whose schedules are known. */
async function scheduledProject(...lines: readonly string[]) {
  const added = world.addProject("shop");
  added.repository.files.set(".baton/nightly.yml", pipelineOf(...lines));
  added.repository.branches.set("main", sha("m1"));
  await sweepAt(START_MS);
  await sweepAt(START_MS + MINUTE_MS);
  return added;
}

async function sweepAt(nowMs: number): Promise<void> {
  world.clock.nowMs = nowMs;
  await sweepSchedules(world.deps, never);
  await sweepProjects(world.deps, never);
}

async function sweepEachMinute(untilMs: number): Promise<void> {
  while (world.clock.nowMs < untilMs) await sweepAt(world.clock.nowMs + MINUTE_MS);
}

/** When each run was due and how late it came, oldest first. */
const fired = () =>
  world
    .runs()
    .map(({ trigger }) => [new Date(trigger?.occurredAtMs ?? 0).toISOString(), trigger?.lateMs])
    .sort();

test("a schedule fires once per due time, and its run says how late it was", async () => {
  await scheduledProject('cron: "30 * * * *"');
  for (let minute = 2; minute <= 150; minute += 1) await sweepAt(START_MS + minute * MINUTE_MS + 7 * SECOND_MS);
  expect(fired()).toEqual([
    ["2026-01-01T00:30:00.000Z", 7_000],
    ["2026-01-01T01:30:00.000Z", 7_000],
    ["2026-01-01T02:30:00.000Z", 7_000],
  ]);
  expect(world.runs()[0]).toMatchObject({
    trigger: { event: "schedule", via: "schedule", branch: "main" },
    source: { sha: sha("m1"), branch: "main" },
  });
});

test("it runs what is on the branch by then; with `branch`, on that branch", async () => {
  const { repository } = await scheduledProject('cron: "0 * * * *", branch: release', 'cron: "10 * * * *"');
  repository.branches.set("release", sha("r1"));
  repository.branches.set("main", sha("m2"));
  await sweepEachMinute(START_MS + 80 * MINUTE_MS);
  expect(world.runs().map(({ source }) => [source?.branch, source?.sha])).toEqual([
    ["main", sha("m2")],
    ["release", sha("r1")],
    ["main", sha("m2")],
  ]);
});

test("a branch that is not there is told, and the schedule goes on", async () => {
  await scheduledProject('cron: "*/10 * * * *", branch: gone');
  await sweepEachMinute(START_MS + 25 * MINUTE_MS);
  expect(world.runs()).toEqual([]);
  const told = world.logged.filter(({ message }) => message === "a schedule names a branch that is not there");
  expect(told).toHaveLength(2);
});

describe("due times in UTC, without a summer time", () => {
  test.each([
    ["leap days", "0 12 29 2 *", Date.UTC(2027, 0, 1), Date.UTC(2033, 0, 1), 6 * HOUR_MS, ["2028-02-29", "2032-02-29"]],
    [
      "the 31st",
      "0 12 31 * *",
      Date.UTC(2026, 0, 1),
      Date.UTC(2026, 6, 1),
      6 * HOUR_MS,
      ["2026-01-31", "2026-03-31", "2026-05-31"],
    ],
  ])("%s", async (_name, cron, fromMs, untilMs, stepMs, days) => {
    world.clock.nowMs = fromMs;
    const { repository } = world.addProject("shop");
    repository.files.set(".baton/nightly.yml", pipelineOf(`cron: "${cron}"`));
    repository.branches.set("main", sha("m1"));
    for (let nowMs = fromMs; nowMs < untilMs; nowMs += stepMs) await sweepAt(nowMs);
    expect(fired().map(([at]) => String(at))).toEqual(days.map((day) => `${day}T12:00:00.000Z`));
  });

  test("an hour that Europe skips or has twice is an hour like any other", async () => {
    world.clock.nowMs = Date.UTC(2026, 2, 29, 0, 0);
    const { repository } = world.addProject("shop");
    repository.files.set(".baton/nightly.yml", pipelineOf('cron: "30 * * * *"'));
    repository.branches.set("main", sha("m1"));
    await sweepEachMinute(Date.UTC(2026, 2, 29, 4, 0));
    expect(fired().map(([at]) => String(at).slice(11, 16))).toEqual(["00:30", "01:30", "02:30", "03:30"]);
  });
});

describe("after a time without sweeps", () => {
  test("the latest missed due time fires, once, and those before it are counted", async () => {
    await scheduledProject('cron: "0 * * * *"');
    const [before] = world.schedules();
    expect(before?.skipped).toBe(0);
    world.clock.nowMs = START_MS + 5 * HOUR_MS + 20 * MINUTE_MS;
    await sweepEachMinute(START_MS + 5 * HOUR_MS + 50 * MINUTE_MS);
    expect(fired()).toEqual([["2026-01-01T05:00:00.000Z", 21 * MINUTE_MS]]);
    expect(world.schedules()).toMatchObject([{ skipped: 4, dueAtMs: START_MS + 6 * HOUR_MS }]);
    expect(world.counted.get("SchedulesMissed")).toBe(4);
    const told = world.logged.find(({ message }) => message.startsWith("due times were missed"));
    expect(told?.fields).toMatchObject({ project: "shop", pipeline: ".baton/nightly.yml", skipped: 4 });
  });

  test("of more than a year costs no more than its bound", async () => {
    await scheduledProject('cron: "* * * * *"');
    await sweepAt(START_MS + 400 * DAY_MS);
    expect(world.runs()).toHaveLength(2);
    expect(world.schedules()).toMatchObject([{ skipped: 10_000, dueAtMs: START_MS + 400 * DAY_MS + MINUTE_MS }]);
  });
});

test("two sweeps at once, and four, fire once", async () => {
  await scheduledProject('cron: "* * * * *"');
  for (const seconds of [60, 61, 90]) {
    world.clock.nowMs = START_MS + MINUTE_MS + seconds * SECOND_MS;
    await Promise.all(Array.from({ length: 4 }, () => sweepSchedules(world.deps, never)));
  }
  expect(fired().map(([at]) => at)).toEqual(["2026-01-01T00:01:00.000Z", "2026-01-01T00:02:00.000Z"]);
});

test("a clock that is behind fires nothing twice, and nothing early", async () => {
  await scheduledProject('cron: "0 * * * *"');
  await sweepAt(START_MS + HOUR_MS + 5 * SECOND_MS);
  for (const back of [1, 10, 59, 61]) await sweepAt(START_MS + HOUR_MS - back * MINUTE_MS);
  expect(fired()).toEqual([["2026-01-01T01:00:00.000Z", 5_000]]);
  await sweepAt(START_MS + 2 * HOUR_MS);
  expect(fired()).toHaveLength(2);
});

describe("a sweep that is slow", () => {
  /** While the first sweep asks the forge, something else happens. */
  function whileAsked(repository: { forge: Forge }, meanwhile: () => Promise<void>): void {
    const { defaultBranch } = repository.forge;
    repository.forge.defaultBranch = async (project) => {
      repository.forge.defaultBranch = defaultBranch;
      await meanwhile();
      return defaultBranch(project);
    };
  }

  test("does not move back what a later one has fired", async () => {
    const { repository } = await scheduledProject('cron: "*/10 * * * *"');
    whileAsked(repository, async () => {
      world.clock.nowMs += 10 * MINUTE_MS;
      await sweepSchedules(world.deps, never);
    });
    world.clock.nowMs = START_MS + 10 * MINUTE_MS;
    await sweepSchedules(world.deps, never);
    expect(world.schedules()).toMatchObject([{ dueAtMs: START_MS + 30 * MINUTE_MS }]);
    expect(fired().map(([at]) => String(at).slice(11, 16))).toEqual(["00:10", "00:20"]);
  });

  test("passes no due time over that came meanwhile", async () => {
    const { repository } = await scheduledProject('cron: "*/10 * * * *"');
    whileAsked(repository, async () => {
      world.clock.nowMs += 25 * MINUTE_MS;
    });
    world.clock.nowMs = START_MS + 10 * MINUTE_MS;
    await sweepSchedules(world.deps, never);
    await sweepSchedules(world.deps, never);
    expect(fired().map(([at]) => String(at).slice(11, 16))).toEqual(["00:10", "00:30"]);
    expect(world.schedules()).toMatchObject([{ skipped: 1 }]);
  });
});

describe("a forge that fails", () => {
  test("delays a schedule, and keeps no other from its turn", async () => {
    const { repository } = await scheduledProject('cron: "0 * * * *"');
    world.clock.nowMs = START_MS;
    const other = world.addProject("other");
    other.repository.branches.set("main", sha("o1"));
    other.repository.files.set(".baton/nightly.yml", pipelineOf('cron: "0 * * * *"'));
    await sweepEachMinute(START_MS + 50 * MINUTE_MS);
    repository.failing = { error: new ForgeError("down", { status: 502, retry: true }) };
    await sweepEachMinute(START_MS + 70 * MINUTE_MS);
    expect(world.runs().map((run) => run.project)).toEqual(["other"]);
    repository.failing = undefined;
    await sweepEachMinute(START_MS + 90 * MINUTE_MS);
    expect(world.runs().map((run) => [run.project, run.trigger?.occurredAtMs])).toEqual([
      ["other", START_MS + HOUR_MS],
      ["shop", START_MS + HOUR_MS],
    ]);
  });

  test("past the next due time: the older one counts as missed", async () => {
    const { repository } = await scheduledProject('cron: "0 * * * *"');
    repository.failing = { error: new ForgeError("down", { status: 502, retry: true }) };
    await sweepEachMinute(START_MS + 150 * MINUTE_MS);
    repository.failing = undefined;
    await sweepEachMinute(START_MS + 179 * MINUTE_MS);
    expect(fired().map(([at]) => at)).toEqual(["2026-01-01T02:00:00.000Z"]);
    expect(world.schedules()).toMatchObject([{ skipped: 1, tries: 0 }]);
  });
});

describe("the schedules of a project", () => {
  test("follow the default branch: a new line starts, a line that is gone ends, and one that is back goes on", async () => {
    const { repository } = await scheduledProject('cron: "0 * * * *"');
    repository.files.set(".baton/nightly.yml", pipelineOf('cron: "30 * * * *"'));
    repository.branches.set("main", sha("m2"));
    await sweepEachMinute(START_MS + 95 * MINUTE_MS);
    expect(fired().map(([at]) => String(at).slice(11, 16))).toEqual(["00:30", "01:30"]);
    repository.files.set(".baton/nightly.yml", pipelineOf('cron: "0 * * * *"'));
    repository.branches.set("main", sha("m3"));
    await sweepEachMinute(START_MS + 125 * MINUTE_MS);
    expect(fired().map(([at]) => String(at).slice(11, 16))).toEqual(["00:30", "01:30", "02:00"]);
    expect(world.schedules().map(({ cron, state }) => [cron, state])).toEqual(
      expect.arrayContaining([
        ["0 * * * *", "active"],
        ["30 * * * *", "retired"],
      ]),
    );
  });

  test("stay while the definition is invalid, and their runs say so", async () => {
    const { repository } = await scheduledProject('cron: "0 * * * *"');
    repository.files.set(".baton/nightly.yml", "jobs: 1");
    repository.branches.set("main", sha("m2"));
    await sweepEachMinute(START_MS + 65 * MINUTE_MS);
    expect(world.runs().filter(({ trigger }) => trigger?.event === "schedule")).toMatchObject([
      { state: "plan_failed" },
    ]);
  });

  test("stay while a definition is too large to be read, and the others follow theirs", async () => {
    const { repository } = await scheduledProject('cron: "0 * * * *"');
    repository.files.set(".baton/weekly.yml", pipelineOf('cron: "0 0 * * 0"'));
    repository.branches.set("main", sha("m2"));
    const { forge } = world.deps;
    const readFile: typeof forge.readFile = async (project, at, path) => {
      if (path === ".baton/nightly.yml") throw new ForgeError("too large", { status: 413, retry: false });
      return forge.readFile(project, at, path);
    };
    world.clock.nowMs += 10 * MINUTE_MS;
    await sweepProjects({ ...world.deps, forge: { ...forge, readFile } }, never);
    const kept = world.schedules().map(({ pipelinePath, state }) => [pipelinePath, state]);
    expect(Object.fromEntries(kept)).toEqual({ ".baton/nightly.yml": "active", ".baton/weekly.yml": "active" });
  });

  test("of the repository that the project had before run no more", async () => {
    await scheduledProject('cron: "0 * * * *"');
    world.clock.nowMs = START_MS;
    const forge = { kind: "github", repository: "acme/moved", apiUrl: "https://api.github.com" } as const;
    const moved = world.addProject("shop", { forge: { ...forge, credentials: "token" } });
    moved.repository.branches.set("main", sha("x1"));
    await sweepEachMinute(START_MS + 130 * MINUTE_MS);
    expect(world.runs()).toEqual([]);
    expect(world.schedules()).toMatchObject([{ state: "retired" }]);
  });

  test("end with the project", async () => {
    await scheduledProject('cron: "0 * * * *"');
    world.removeProject("shop");
    await sweepEachMinute(START_MS + 130 * MINUTE_MS);
    expect(world.runs()).toEqual([]);
    expect(world.schedules()).toMatchObject([{ state: "retired" }]);
    expect(world.schedules()[0]?.ttl).toBeGreaterThan(world.clock.nowMs / 1_000);
  });
});

test("a clock that ran years ahead and came back: within the hour schedules count from now, and nothing fires for it", async () => {
  await scheduledProject('cron: "0 * * * *"', 'cron: "0 0 1 12 *"');
  const aheadMs = START_MS + 10 * 365 * DAY_MS;
  await sweepEachMinute(START_MS + HOUR_MS + MINUTE_MS);
  const [yearly] = world.schedules().filter(({ cron }) => cron.endsWith("12 *"));
  await sweepAt(aheadMs);
  await sweepAt(aheadMs + 10 * MINUTE_MS);
  const before = fired().length;
  world.clock.nowMs = START_MS + HOUR_MS + 2 * MINUTE_MS;
  await sweepEachMinute(START_MS + 2 * HOUR_MS);
  expect(fired()).toHaveLength(before);
  expect(world.schedules().find(({ cron }) => cron.endsWith("12 *"))?.dueAtMs).toBe(yearly?.dueAtMs);
  await sweepEachMinute(START_MS + 3 * HOUR_MS);
  expect(fired()).toHaveLength(before + 1);
});
