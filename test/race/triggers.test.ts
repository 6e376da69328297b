import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ABSENT_AGAIN_MS, DEFINITIONS_MAX } from "../../shared/domain/limits.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { answerOf, runOf } from "../support/scenario.ts";
import { addShop, pullOf, pushOf, runsOf, type Shop, shaOf } from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** What a trigger starts, on the real table. */

let world: World;
let shop: Shop;
beforeEach(async () => {
  world = await startWorld();
  shop = await addShop(world);
});
afterEach(() => world.stop());

const start = (trigger: Parameters<typeof startTriggered>[2], via: Parameters<typeof startTriggered>[3] = "webhook") =>
  startTriggered(world.deps, shop.project, trigger, via);
const file = (name: string, text: string) => void shop.repository.files.set(`.baton/${name}`, text);
const JOBS = "jobs: {build: {run: make}}\n";

describe("a trigger", () => {
  test("starts each pipeline that asks for it, and names the reason of each that it does not start", async () => {
    file("a.yml", `on: push\n${JOBS}`);
    file("b.yml", `on: {push: {branches: dev}}\n${JOBS}`);
    file("c.yml", JOBS);
    file("d.yml", `on: {push: {paths: "docs/**"}}\n${JOBS}`);
    const decisions = await start(pushOf(world, "one", { paths: ["src/x"] }));
    const [run] = await runsOf(world, shop);
    expect(decisions).toEqual([
      { pipeline: ".baton/a.yml", runId: run?.runId },
      { pipeline: ".baton/b.yml", reason: 'branch "main" is not among `on.push.branches`' },
      { pipeline: ".baton/c.yml", reason: expect.stringMatching(/no `on`/) },
      { pipeline: ".baton/d.yml", reason: "no changed file is among `on.push.paths`" },
    ]);
  });

  test("asks the forge once for changed files that the event does not tell, and starts where it cannot tell either", async () => {
    for (const name of ["a.yml", "b.yml"]) file(name, `on: {push: {paths: "docs/**"}}\n${JOBS}`);
    const decisions = await start(pushOf(world, "one", { before: shaOf("before") }));
    expect(decisions.every(({ runId }) => runId !== undefined)).toBe(true);
    expect(shop.repository.calls.filter((call) => call === "changedPaths")).toHaveLength(1);
  });

  test("by webhook, sweep and both at once, ten times each, starts one run of each pipeline", async () => {
    for (const name of ["a.yml", "b.yml", "c.yml"]) file(name, `on: push\n${JOBS}`);
    const vias = Array.from({ length: 10 }, () => ["webhook" as const, "sweep" as const]).flat();
    // Sweep tells another time and other files of the same push.
    const all = await Promise.all(
      vias.map((via) => start(pushOf(world, "one", via === "sweep" ? { occurredAtMs: 1, paths: ["x"] } : {}), via)),
    );
    expect(new Set(all.map((decisions) => JSON.stringify(decisions))).size).toBe(1);
    expect(await runsOf(world, shop)).toHaveLength(3);
  });

  test("that was decided asks the forge nothing more, and keeps its decision whatever the definition is by then", async () => {
    file("a.yml", `on: {push: {branches: dev}}\n${JOBS}`);
    const first = await start(pushOf(world, "one"));
    file("a.yml", `on: push\n${JOBS}`);
    shop.repository.calls.splice(0);
    expect(await start(pushOf(world, "one"), "sweep")).toEqual(first);
    expect(shop.repository.calls).toEqual([]);
  });

  test("of another branch, commit, event or project is another", async () => {
    file("a.yml", `on: {push: {branches: "**", tags: "**"}, pull_request: }\n${JOBS}`);
    await start(pushOf(world, "one"));
    await start(pushOf(world, "one", { branch: "dev" }));
    await start(pushOf(world, "two"));
    await start({ event: "tag", tag: "main", sha: shaOf("one"), occurredAtMs: 1 });
    await start(pullOf(world, "one", { branch: "main" }));
    await start(pullOf(world, "one", { number: 2 }));
    expect(await runsOf(world, shop)).toHaveLength(6);
  });

  test("whose author wants no run starts none, also by another way", async () => {
    file("a.yml", `on: push\n${JOBS}`);
    const decisions = await start(pushOf(world, "one", { skip: "[skip ci]" }));
    expect(decisions).toEqual([{ pipeline: "*", reason: "the commit's message says [skip ci]" }]);
    expect(await start(pushOf(world, "one"), "sweep")).toEqual(decisions);
    expect(await runsOf(world, shop)).toEqual([]);
  });

  test("of a commit without pipelines, or with too many, says so", async () => {
    await expect(start(pushOf(world, "none"))).rejects.toThrow("it is asked once more");
    world.clock.nowMs += ABSENT_AGAIN_MS;
    expect(await start(pushOf(world, "none"))).toEqual([
      { pipeline: "*", reason: expect.stringMatching(/no pipeline/) },
    ]);
    for (let nth = 0; nth <= DEFINITIONS_MAX; nth += 1) file(`p${nth}.yml`, JOBS);
    expect((await start(pushOf(world, "many"))).at(-1)).toEqual({
      pipeline: "*",
      reason: expect.stringMatching(/at most 64 pipelines .*: 1 were left out/),
    });
  });

  test("that the forge could not answer for starts what it starts when it is brought again", async () => {
    for (const name of ["a.yml", "b.yml"]) file(name, `on: push\n${JOBS}`);
    const error = new ForgeError("no answer", { retry: true });
    shop.repository.failing = { error, calls: ["readFile"] };
    await expect(start(pushOf(world, "one"))).rejects.toBe(error);
    shop.repository.failing = undefined;
    await start(pushOf(world, "one"));
    expect(await runsOf(world, shop)).toHaveLength(2);
  });
});

describe("a definition that is wrong", () => {
  test("makes one run that ends plan_failed and says why", async () => {
    file("a.yml", "on: push\njobs: {build: {rum: make}}\n");
    await Promise.all([start(pushOf(world, "one")), start(pushOf(world, "one"))]);
    await start(pushOf(world, "one"), "sweep");
    const [run, ...more] = await runsOf(world, shop);
    expect(more).toEqual([]);
    expect(run).toMatchObject({ state: "plan_failed", pipelinePath: ".baton/a.yml", trigger: { event: "push" } });
    expect(run?.reason).toMatch(/unknown key "rum"/);
  });

  test("is too large to be read: the same, and the pipeline beside it starts", async () => {
    file("a.yml", `on: push\n${JOBS}`);
    file("big.yml", "x");
    const { forge } = world.deps;
    const readFile: typeof forge.readFile = async (project, sha, path) => {
      if (path === ".baton/big.yml") throw new ForgeError(`${path} is too large`, { status: 413, retry: false });
      return forge.readFile(project, sha, path);
    };
    await startTriggered(
      { ...world.deps, forge: { ...forge, readFile } },
      shop.project,
      pushOf(world, "one"),
      "webhook",
    );
    const runs = await runsOf(world, shop);
    const standing = Object.fromEntries(runs.map(({ pipelinePath, state, reason }) => [pipelinePath, [state, reason]]));
    expect(standing).toEqual({
      ".baton/a.yml": ["live", undefined],
      ".baton/big.yml": ["plan_failed", ".baton/big.yml is too large"],
    });
  });

  test("wants a pool that is not there: the same", async () => {
    file("a.yml", "on: push\njobs: {build: {run: make, pool: mars}}\n");
    await start(pushOf(world, "one"));
    expect((await runsOf(world, shop))[0]).toMatchObject({
      state: "plan_failed",
      reason: expect.stringMatching(/pool mars/),
    });
  });

  test("ends so too where the process died before it could say", async () => {
    file("a.yml", "on: push\njobs: {build: {rum: make}}\n");
    const { store } = world.deps;
    const dead = {
      ...world.deps,
      store: { ...store, apply: async () => Promise.reject(new Error("dead")) } as typeof store,
    };
    await expect(startTriggered(dead, shop.project, pushOf(world, "one"), "webhook")).rejects.toThrow("dead");
    const [planning] = await runsOf(world, shop);
    expect(planning?.state).toBe("planning");
    const asked: unknown[] = [];
    const readDefinition = async (...args: unknown[]) => {
      asked.push(args);
      return shop.repository.files.get(".baton/a.yml") ?? "";
    };
    await planRun({ ...world.deps, readDefinition }, { tenant: "main", runId: planning?.runId ?? "" });
    expect(asked).toHaveLength(1);
    expect(await runOf(world.deps, planning?.runId ?? "")).toMatchObject({ state: "plan_failed" });
  });
});

test("case A3: 64 files of one commit that are costly to read each end as a run with its own problem", async () => {
  for (let at = 0; at < DEFINITIONS_MAX; at += 1) file(`f${at}.yml`, `x${at}: ${"[,,,,".repeat(20_000)}`);
  const decisions = await start(pushOf(world, "one"));
  expect(decisions.filter(({ runId }) => runId === undefined)).toEqual([]);
  const runs = await runsOf(world, shop);
  expect(new Set(runs.map(({ reason }) => reason?.split(":")[0])).size).toBe(DEFINITIONS_MAX);
  expect(runs.every(({ reason }) => reason?.includes("FILE_DEPTH_MAX"))).toBe(true);
});

test("an Idempotency-Key of a token is never a trigger's", async () => {
  file("a.yml", `on: push\n${JOBS}`);
  const body = {
    project: shop.project.name,
    definition: { path: "p.yml", text: JOBS },
    pipelinePath: "p.yml",
    watch: false,
  };
  await start(pushOf(world, "one"));
  const [run] = await runsOf(world, shop);
  const answer = createRun(world.deps, body, { principal: "token:trigger", idempotencyKey: run?.runId });
  expect(await answerOf(answer)).toBe("accepted");
});
