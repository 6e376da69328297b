import { describe, expect, test } from "vitest";
import { ABSENT_AGAIN_MS } from "../../shared/domain/limits.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { makeSweepWorld } from "../support/sweep-world.ts";
import { MINUTE_MS } from "../support/times.ts";
import { shaOf } from "../support/trigger-world.ts";

/** A decision lives no longer than what it depended on: a list that lags, a base that changes. */

const PIPELINE = "on: {push: , pull_request: , schedule: [{cron: '0 * * * *'}]}\njobs: {build: {run: make}}\n";
const NONE: ReadonlyMap<string, string> = new Map();

function newShop() {
  const world = makeSweepWorld();
  const { project, repository } = world.addProject("shop");
  repository.files.set(".baton/ci.yml", PIPELINE);
  const push = (word: string): Trigger => ({
    event: "push",
    branch: "main",
    sha: shaOf(word),
    occurredAtMs: world.clock.nowMs,
  });
  const pull = (base: string, change: Partial<Extract<Trigger, { event: "pull_request" }>> = {}): Trigger => ({
    event: "pull_request",
    action: "synchronize",
    number: 1,
    sha: shaOf("head"),
    branch: "feature",
    base: { branch: base, sha: shaOf(base) },
    fork: false,
    occurredAtMs: world.clock.nowMs,
    ...change,
  });
  return {
    world,
    project,
    repository,
    push,
    pull,
    start: (trigger: Trigger) => startTriggered(world.deps, project, trigger, "webhook"),
    async sweep() {
      world.clock.nowMs += 5 * MINUTE_MS;
      await sweepProjects(world.deps, () => false);
    },
  };
}

describe("case C4: what a forge does not show", () => {
  test("at a commit is asked for once more before there is no pipeline, and the run starts if it is there then", async () => {
    const { world, repository, push, start } = newShop();
    repository.filesAt.set(shaOf("lags"), NONE);
    await expect(start(push("lags"))).rejects.toMatchObject({ retry: true, retryAfterMs: ABSENT_AGAIN_MS });
    repository.filesAt.delete(shaOf("lags"));
    world.clock.nowMs += ABSENT_AGAIN_MS;
    expect(await start(push("lags"))).toMatchObject([{ pipeline: ".baton/ci.yml", runId: expect.any(String) }]);
  });

  test("twice, half a minute apart, is not there: for every trigger of the commit", async () => {
    const { world, repository, push, start } = newShop();
    repository.filesAt.set(shaOf("none"), NONE);
    await expect(start(push("none"))).rejects.toThrow("asked once more");
    world.clock.nowMs += ABSENT_AGAIN_MS - 1;
    await expect(start(push("none"))).rejects.toMatchObject({ retryAfterMs: 1 });
    world.clock.nowMs += 1;
    const none = [{ pipeline: "*", reason: `there is no pipeline in .baton/ at ${shaOf("none")}` }];
    expect(await start(push("none"))).toEqual(none);
    expect(await start({ ...push("none"), branch: "other" } as Trigger)).toEqual(none);
  });

  test("of a file that its list names is asked for again", async () => {
    const { world, repository, push, start } = newShop();
    const { readFile } = repository.forge;
    repository.forge.readFile = async () => undefined;
    await expect(start(push("one"))).rejects.toMatchObject({ retry: true });
    repository.forge.readFile = readFile;
    await start(push("one"));
    expect(world.runs()).toHaveLength(1);
  });

  test("to sweep keeps no other head from its turn, and is looked at with the next", async () => {
    const { world, repository, sweep } = newShop();
    repository.branches.set("main", shaOf("m"));
    await sweep();
    for (const branch of ["a", "b", "c"]) repository.branches.set(branch, shaOf(branch));
    repository.filesAt.set(shaOf("b"), NONE);
    await sweep();
    expect(world.runs().map(({ trigger }) => trigger?.branch)).toEqual(["a", "c"]);
    repository.filesAt.delete(shaOf("b"));
    await sweep();
    expect(
      world
        .runs()
        .map(({ trigger }) => trigger?.branch)
        .sort(),
    ).toEqual(["a", "b", "c"]);
    expect(world.counted.get("SweepFailed")).toBeUndefined();
  });

  test("ends no schedule, and overlooks none", async () => {
    const { world, repository, sweep } = newShop();
    repository.branches.set("main", shaOf("m1"));
    repository.filesAt.set(shaOf("m1"), NONE);
    await sweep();
    await sweep();
    repository.filesAt.delete(shaOf("m1"));
    repository.branches.set("main", shaOf("m2"));
    repository.filesAt.set(shaOf("m2"), NONE);
    await sweep();
    repository.filesAt.delete(shaOf("m2"));
    await sweep();
    expect(world.schedules().map(({ state }) => state)).toEqual(["active"]);
    repository.branches.set("main", shaOf("m3"));
    repository.filesAt.set(shaOf("m3"), NONE);
    await sweep();
    expect(world.schedules().map(({ state }) => state)).toEqual(["active"]);
    await sweep();
    expect(world.schedules().map(({ state }) => state)).toEqual(["retired"]);
  });
});

describe("case C4: a pull request", () => {
  test("that gets another base runs for it, once, whoever tells it", async () => {
    const { world, pull, start } = newShop();
    for (const base of ["main", "main", "release", "release", "main"]) await start(pull(base));
    expect(world.runs().map(({ trigger }) => trigger?.base?.branch)).toEqual(["main", "release"]);
  });

  test("of a pipeline that supersedes gives up the run for the base of before, and takes it up again with that", async () => {
    const { world, repository, pull, start } = newShop();
    repository.files.set(".baton/ci.yml", `supersede: true\n${PIPELINE}`);
    for (const base of ["main", "release", "main"]) {
      world.clock.nowMs += MINUTE_MS;
      await start(pull(base));
    }
    expect(world.runs().map(({ trigger, state }) => [trigger?.base?.branch, state])).toEqual([
      ["main", "canceled"],
      ["release", "canceled"],
      ["main", "live"],
    ]);
  });

  test("whose new base only sweep sees runs for it, and heads that an older Baton kept are not new for it", async () => {
    const { world, repository, pull, sweep } = newShop();
    repository.branches.set("main", shaOf("main"));
    await sweep();
    const shown = (base: string) => repository.pulls.set(1, pull(base) as Extract<Trigger, { event: "pull_request" }>);
    shown("main");
    await sweep();
    shown("release");
    await sweep();
    expect(world.runs().map(({ trigger }) => trigger?.base?.branch)).toEqual(["main", "release"]);
  });

  test("of a fork, whose base had no pipeline, is decided anew for another commit of the base", async () => {
    const { world, repository, pull, start } = newShop();
    repository.filesAt.set(shaOf("old base"), NONE);
    const at = (base: string) => pull("main", { fork: true, base: { branch: "main", sha: shaOf(base) } });
    await expect(start(at("old base"))).rejects.toThrow("asked once more");
    world.clock.nowMs += ABSENT_AGAIN_MS;
    expect(await start(at("old base"))).toMatchObject([{ pipeline: "*" }]);
    expect(await start(at("new base"))).toMatchObject([{ runId: expect.any(String) }]);
    await start(at("new base"));
    expect(world.runs()).toHaveLength(1);
  });
});
