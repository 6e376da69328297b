import { beforeEach, describe, expect, test } from "vitest";
import {
  FORGE_WAIT_MAX_MS,
  HEAD_GONE_MS,
  SWEEP_BACKOFF_MAX_MS,
  SWEEP_PROJECT_MS,
  SWEEP_WHOLE_MS,
} from "../../../shared/domain/limits.ts";
import type { Trigger } from "../../../shared/protocol/triggers.ts";
import type { RunItem } from "../../../shared/store/items.ts";
import { branchKey, headsKey } from "../../../shared/store/keys.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import { startTriggered } from "../../../shared/usecases/start-triggered.ts";
import { headsRefOf } from "../../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../../shared/usecases/sweep-projects.ts";
import { dyingAt } from "../../support/faulty-deps.ts";
import { makeSweepWorld, START_MS, type SweepWorld } from "../../support/sweep-world.ts";
import { MINUTE_MS } from "../../support/times.ts";

const PIPELINE = "on: {push: , pull_request: }\njobs: {build: {run: make}}\n";
const sha = (name: string) => Buffer.from(name.padEnd(20, ".")).toString("hex");
const never = () => false;

let world: SweepWorld;
beforeEach(() => {
  world = makeSweepWorld();
});

/** A project with these branches, seen for the first time. */
async function seenProject(branches: Readonly<Record<string, string>> = { main: sha("m1") }, name = "shop") {
  const added = world.addProject(name);
  added.repository.files.set(".baton/ci.yml", PIPELINE);
  for (const [branch, head] of Object.entries(branches)) added.repository.branches.set(branch, head);
  await sweepAfter(0);
  return added;
}

/** Minutes go by, with a sweep in each and at the end. */
async function sweepAfter(minutes: number, isOver = never): Promise<void> {
  await sweepProjects(world.deps, isOver);
  for (let minute = 0; minute < minutes; minute += 1) {
    world.clock.nowMs += MINUTE_MS;
    await sweepProjects(world.deps, isOver);
  }
}

const pull = (number: number, head: string, fork = false): Extract<Trigger, { event: "pull_request" }> => ({
  event: "pull_request",
  action: "synchronize",
  sha: head,
  occurredAtMs: world.clock.nowMs,
  number,
  branch: `feature-${number}`,
  base: { branch: "main", sha: sha("m1") },
  fork,
});
const shown = (run: RunItem) =>
  `${run.trigger?.event} ${run.trigger?.number ?? run.trigger?.branch} ${run.source?.sha}`;

describe("a project's first sight", () => {
  test("starts nothing", async () => {
    const { repository } = await seenProject({ main: sha("m1"), dev: sha("d1") });
    repository.pulls.set(7, pull(7, sha("p1")));
    world.addProject("other").repository.branches.set("main", sha("o1"));
    await sweepAfter(11);
    expect(world.runs().map(shown)).toEqual([`pull_request 7 ${sha("p1")}`]);
  });

  test("is made again where the project has another repository, or was removed and added again", async () => {
    const { repository } = await seenProject();
    world.removeProject("shop");
    await sweepAfter(6);
    repository.branches.set("main", sha("m2"));
    world.addProject("shop");
    await sweepAfter(6);
    const moved = world.addProject("shop", { forge: { ...forgeOf("acme/moved") } });
    moved.repository.branches.set("main", sha("x1"));
    await sweepAfter(6);
    world.addProject("shop");
    repository.branches.set("main", sha("m3"));
    await sweepAfter(6);
    expect(world.runs()).toEqual([]);
    repository.branches.set("main", sha("m4"));
    await sweepAfter(6);
    expect(world.runs().map(shown)).toEqual([`push main ${sha("m4")}`]);
  });
});

const forgeOf = (repository: string) =>
  ({ kind: "github", repository, apiUrl: "https://api.github.com", credentials: "token" }) as const;

describe("a lost webhook", () => {
  test("of a push is made up for, once, with the commit before it", async () => {
    const { repository } = await seenProject();
    repository.branches.set("main", sha("m2"));
    await sweepAfter(20);
    expect(world.runs().map(shown)).toEqual([`push main ${sha("m2")}`]);
    expect(world.runs()[0]?.trigger).toMatchObject({ via: "sweep" });
  });

  test("of a new branch, of a pull request, and of a push to it", async () => {
    const { repository } = await seenProject();
    repository.branches.set("dev", sha("d1"));
    repository.pulls.set(7, pull(7, sha("p1")));
    await sweepAfter(5);
    repository.pulls.set(7, pull(7, sha("p2")));
    await sweepAfter(5);
    expect(world.runs().map(shown).sort()).toEqual([
      `pull_request 7 ${sha("p1")}`,
      `pull_request 7 ${sha("p2")}`,
      `push dev ${sha("d1")}`,
    ]);
  });

  test("of a commit whose message says [skip ci] starts nothing", async () => {
    const { repository } = await seenProject();
    repository.branches.set("main", sha("m2"));
    repository.messages.set(sha("m2"), "docs: a comma\n\n[Skip CI]");
    await sweepAfter(10);
    expect(world.runs()).toEqual([]);
  });

  test("SECURITY 19: of a fork's pull request starts a run that waits for its approval, in the pool of forks", async () => {
    const { repository } = await seenProject();
    repository.pulls.set(9, pull(9, sha("f1"), true));
    await sweepAfter(5);
    expect(world.runs()).toMatchObject([{ trigger: { fork: true }, pool: "forks", approval: { sha: sha("f1") } }]);
  });
});

describe("what a webhook has started", () => {
  test("is not started again, and costs no call of the forge but the lists", async () => {
    const { project, repository } = await seenProject();
    await sweepAfter(5);
    repository.branches.set("dev", sha("d1"));
    const trigger: Trigger = { event: "push", sha: sha("d1"), branch: "dev", occurredAtMs: world.clock.nowMs };
    await startTriggered(world.deps, project, trigger, "webhook");
    repository.calls.splice(0);
    await sweepAfter(5);
    expect(repository.calls).toEqual(["listHeads", "readRepository", "defaultBranch", "listTags"]);
    expect(world.runs()).toMatchObject([{ trigger: { via: "webhook" } }]);
  });

  test("and comes again after the sweep has started it, starts nothing", async () => {
    const { project, repository } = await seenProject();
    repository.branches.set("main", sha("m2"));
    await sweepAfter(5);
    const trigger: Trigger = { event: "push", sha: sha("m2"), branch: "main", before: sha("m1"), occurredAtMs: 1 };
    await startTriggered(world.deps, project, trigger, "webhook");
    expect(world.runs()).toHaveLength(1);
  });
});

describe("a branch that was deleted", () => {
  test("is forgotten; where it comes back, with whatever commit, that is a push of a new branch", async () => {
    const { project, repository } = await seenProject({ main: sha("m1"), dev: sha("d1"), old: sha("o1") });
    repository.branches.delete("dev");
    repository.branches.delete("old");
    await sweepAfter(6);
    expect(world.runs()).toEqual([]);
    const ref = headsRefOf(project);
    expect(world.table.get(branchKey(ref, "dev"))).toMatchObject({
      state: "gone",
      ttl: (START_MS + 5 * MINUTE_MS + HEAD_GONE_MS) / 1_000,
    });
    repository.branches.set("dev", sha("d1"));
    repository.branches.set("old", sha("o2"));
    await sweepAfter(6);
    expect(world.runs().map(shown)).toEqual([`push dev ${sha("d1")}`, `push old ${sha("o2")}`]);
    expect(world.table.get(branchKey(ref, "dev"))).toMatchObject({ state: "seen" });
    expect(world.table.get(branchKey(ref, "dev"))?.["ttl"]).toBeUndefined();
  });
});

describe("a first sight that dies at any of its writes", () => {
  const writes = [1, 2, 3, 4].flatMap((at) => (["before", "after"] as const).map((moment) => ({ at, moment })));
  test.each(writes)(
    "$moment write $at, is made again, and starts nothing of what stands by then",
    async ({ at, moment }) => {
      const { repository } = world.addProject("shop");
      repository.files.set(".baton/ci.yml", PIPELINE);
      for (const name of ["a", "b", "main"]) repository.branches.set(name, sha(`${name}1`));
      const mortal = dyingAt(world.deps, at, moment);
      await expect(sweepProjects({ ...world.deps, ...mortal.deps }, never)).rejects.toThrow(AggregateError);
      const isSeen = world.table.get(headsKey(headsRefOf(world.addProject("shop").project))) !== undefined;
      if (!isSeen) for (const name of ["a", "b", "main"]) repository.branches.set(name, sha(`${name}2`));
      await sweepAfter(12);
      expect(world.runs()).toEqual([]);
      repository.branches.set("main", sha("m3"));
      await sweepAfter(6);
      expect(world.runs().map(shown)).toEqual([`push main ${sha("m3")}`]);
    },
  );
});

test("of a repository with too many heads those are compared that the forge was asked for", async () => {
  const { project, repository } = await seenProject({ main: sha("m1"), old: sha("o1") });
  repository.isCut = true;
  repository.branches.set("main", sha("m2"));
  // Which ones are shown changes with every branch that comes or goes.
  repository.branches.delete("old");
  repository.branches.set("beyond", sha("b1"));
  await sweepAfter(10);
  expect(world.runs().map(shown)).toEqual([`push main ${sha("m2")}`]);
  expect(world.table.get(branchKey(headsRefOf(project), "old"))).toMatchObject({ state: "seen" });
  // Whole again: what is seen for the first time now was there before.
  repository.isCut = false;
  for (const branch of ["x", "y"]) repository.branches.set(branch, sha(branch));
  await sweepAfter(5);
  expect(world.runs()).toHaveLength(1);
  repository.branches.set("new", sha("n1"));
  repository.branches.set("beyond", sha("b2"));
  await sweepAfter(5);
  expect(world.runs().map(shown).sort()).toEqual(
    [`push main ${sha("m2")}`, `push beyond ${sha("b2")}`, `push new ${sha("n1")}`].sort(),
  );
});

test("a project is compared once every five minutes, and with its whole list once an hour", async () => {
  const { repository } = await seenProject();
  await sweepAfter(1);
  repository.calls.splice(0);
  await sweepAfter(SWEEP_WHOLE_MS / MINUTE_MS);
  const lists = repository.calls.filter((call) => call === "listHeads").length;
  expect(lists).toBe(SWEEP_WHOLE_MS / SWEEP_PROJECT_MS);
  expect(repository.calls.filter((call) => call === "defaultBranch")).toHaveLength(1);
});

test("a pull request whose reopening was told by nobody runs again, and once", async () => {
  const { project, repository } = await seenProject();
  const opened = pull(7, sha("p1"));
  const told = (change: Partial<typeof opened>) =>
    startTriggered(world.deps, project, { ...opened, ...change }, "webhook");
  repository.pulls.set(7, opened);
  await told({ action: "opened" });
  await sweepAfter(10);
  repository.pulls.delete(7);
  await told({ action: "closed", occurredAtMs: world.clock.nowMs });
  await sweepAfter(10);
  const reopenedAtMs = world.clock.nowMs;
  repository.pulls.set(7, { ...opened, occurredAtMs: reopenedAtMs });
  await sweepAfter(10);
  expect(world.runs()).toHaveLength(2);
  await told({ action: "reopened", occurredAtMs: reopenedAtMs });
  await sweepAfter(SWEEP_WHOLE_MS / MINUTE_MS);
  expect(world.runs()).toHaveLength(2);
});

describe("a forge that fails", () => {
  const down = new ForgeError("the forge is down", { status: 502, retry: true });

  test("keeps no other project from its turn, is asked less and less often, and made up for when it is back", async () => {
    const broken = await seenProject({ main: sha("a1") }, "aaa");
    const well = await seenProject({ main: sha("b1") }, "bbb");
    await sweepAfter(5);
    broken.repository.failing = { error: down };
    broken.repository.branches.set("main", sha("a2"));
    well.repository.branches.set("main", sha("b2"));
    broken.repository.calls.splice(0);
    await sweepAfter(180);
    expect(world.runs().map(shown)).toEqual([`push main ${sha("b2")}`]);
    expect(broken.repository.calls.length).toBeLessThan(12);
    expect(world.counted.get("SweepFailed")).toBe(broken.repository.calls.length);
    const heads = await world.deps.sweeps.getHeads(headsKey(headsRefOf(broken.project)));
    expect(heads).toMatchObject({ error: "the forge is down", failures: broken.repository.calls.length });
    broken.repository.failing = undefined;
    await sweepAfter(SWEEP_BACKOFF_MAX_MS / MINUTE_MS);
    expect(world.runs().map(shown)).toContain(`push main ${sha("a2")}`);
    expect(await world.deps.sweeps.getHeads(headsKey(headsRefOf(broken.project)))).toMatchObject({ failures: 0 });
  });

  test("is left alone for as long as it asks", async () => {
    const { repository } = await seenProject();
    await sweepAfter(1);
    repository.failing = { error: new ForgeError("limit", { status: 429, retry: true, retryAfterMs: 55 * MINUTE_MS }) };
    repository.calls.splice(0);
    await sweepAfter(55);
    expect(repository.calls).toHaveLength(1);
  });

  test("for one head alone: the others start, and the head does when it can", async () => {
    const { repository } = await seenProject();
    const { readFile } = repository.forge;
    repository.forge.readFile = async (project, at, path) => {
      if (at === sha("bad")) throw new ForgeError("refused", { status: 403, retry: false });
      return readFile(project, at, path);
    };
    for (const name of ["bad", "good", "better"]) repository.branches.set(name, sha(name));
    await sweepAfter(10);
    expect(world.runs().map((run) => run.trigger?.branch)).toEqual(["good", "better"]);
    expect(world.counted.get("SweepFailed")).toBe(1);
    repository.forge.readFile = readFile;
    await sweepAfter(SWEEP_WHOLE_MS / MINUTE_MS);
    expect(world.runs().map((run) => run.trigger?.branch)).toEqual(["good", "better", "bad"]);
  });

  test.each([
    ["the forge refuses", new ForgeError("refused", { status: 403, retry: false })],
    ["a mistake of ours breaks", new TypeError("a mistake of ours")],
  ])("for one head that %s keeps no schedule, and no branch that is gone, from its turn", async (_what, error) => {
    const { project, repository } = await seenProject({ main: sha("m1"), gone: sha("g1") });
    await sweepAfter(5);
    const { readFile } = repository.forge;
    repository.forge.readFile = async (at, commit, path) => {
      if (commit === sha("bad")) throw error;
      return readFile(at, commit, path);
    };
    repository.branches.set("bad", sha("bad"));
    repository.branches.set("main", sha("m2"));
    repository.branches.delete("gone");
    repository.files.set(".baton/night.yml", "on: {schedule: [{cron: '0 4 * * *'}]}\njobs: {a: {run: x}}\n");
    world.clock.nowMs += SWEEP_PROJECT_MS;
    const swept = sweepProjects(world.deps, never);
    if (error instanceof ForgeError) await swept;
    else await expect(swept).rejects.toThrow("a mistake of ours");
    expect(world.schedules()).toHaveLength(1);
    expect(world.table.get(branchKey(headsRefOf(project), "gone"))).toMatchObject({ state: "gone" });
  });

  test("at a first sight: it is seen when the forge answers", async () => {
    const { repository } = world.addProject("shop");
    repository.branches.set("main", sha("m1"));
    repository.failing = { error: down };
    await sweepAfter(5);
    repository.failing = undefined;
    await sweepAfter(6);
    repository.branches.set("main", sha("m2"));
    repository.files.set(".baton/ci.yml", PIPELINE);
    await sweepAfter(5);
    expect(world.runs().map(shown)).toEqual([`push main ${sha("m2")}`]);
  });
});

test("an error that is no forge's fails the sweep, after the other projects had their turn", async () => {
  const broken = await seenProject({ main: sha("a1") }, "aaa");
  const well = await seenProject({ main: sha("b1") }, "bbb");
  await sweepAfter(5);
  broken.repository.forge.listHeads = async () => {
    throw new TypeError("a mistake of ours");
  };
  well.repository.branches.set("main", sha("b2"));
  world.clock.nowMs += SWEEP_PROJECT_MS;
  await expect(sweepProjects(world.deps, never)).rejects.toThrow(AggregateError);
  expect(world.runs().map(shown)).toEqual([`push main ${sha("b2")}`]);
});

test("a new project that fails so keeps no other new one from its first sight", async () => {
  for (const name of ["aaa", "bbb"]) world.addProject(name).repository.branches.set("main", sha(`${name}1`));
  const [bad, good] = ["aaa", "bbb"].map((name) => world.repositories.get(`acme/${name}`));
  if (bad === undefined || good === undefined) throw new Error("the projects are there");
  bad.forge.listHeads = async () => {
    throw new TypeError("a mistake of ours");
  };
  await expect(sweepProjects(world.deps, never)).rejects.toThrow("a mistake of ours");
  good.files.set(".baton/ci.yml", PIPELINE);
  good.branches.set("main", sha("bbb2"));
  world.clock.nowMs += SWEEP_PROJECT_MS + MINUTE_MS;
  await sweepProjects(world.deps, never);
  expect(world.runs().map(shown)).toEqual([`push main ${sha("bbb2")}`]);
});

test("where time runs out the rest follows a minute later, and nothing twice", async () => {
  const { repository } = await seenProject();
  await sweepAfter(1);
  for (let branch = 0; branch < 9; branch += 1) repository.branches.set(`b${branch}`, sha(`b${branch}`));
  world.clock.nowMs += SWEEP_PROJECT_MS;
  const counts: number[] = [];
  for (let minute = 0; minute < 5; minute += 1) {
    const asked: boolean[] = [];
    await sweepProjects(world.deps, () => asked.push(true) > 4);
    counts.push(world.runs().length);
    world.clock.nowMs += MINUTE_MS;
  }
  expect(counts).toEqual([3, 6, 9, 9, 9]);
});

test("two sweeps at once compare a project once", async () => {
  const { repository } = await seenProject();
  await sweepAfter(1);
  repository.branches.set("main", sha("m2"));
  repository.calls.splice(0);
  world.clock.nowMs += SWEEP_PROJECT_MS + 1_000;
  await Promise.all(Array.from({ length: 4 }, () => sweepProjects(world.deps, never)));
  expect(world.runs()).toHaveLength(1);
});

test("a clock that ran years ahead and came back leaves no project waiting for those years", async () => {
  const { repository } = await seenProject();
  const startMs = world.clock.nowMs;
  world.clock.nowMs += 10 * 365 * 24 * 60 * MINUTE_MS;
  await sweepAfter(6);
  world.clock.nowMs = startMs;
  repository.branches.set("main", sha("m2"));
  await sweepAfter(5);
  expect(world.runs().map(shown)).toEqual([`push main ${sha("m2")}`]);
});

test("a forge that asks for two hours is left alone for two hours", async () => {
  const { repository } = await seenProject();
  const refusal = { status: 429, retry: true, retryAfterMs: FORGE_WAIT_MAX_MS };
  repository.failing = { error: new ForgeError("slow down", refusal) };
  await sweepAfter(6);
  repository.failing = undefined;
  repository.branches.set("main", sha("m2"));
  await sweepAfter(110);
  expect(world.runs()).toEqual([]);
  await sweepAfter(15);
  expect(world.runs().map(shown)).toEqual([`push main ${sha("m2")}`]);
});
