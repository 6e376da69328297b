import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeForge } from "../../functions/forges/make-forge.ts";
import { FORGE_HEAD_PAGES_MAX } from "../../shared/domain/limits.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import type { Forge } from "../../shared/usecases/forge.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../shared/usecases/sweep-schedules.ts";
import { addCommit, addPull, type RepositoryState } from "../support/recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "../support/recording-forge.ts";
import { makeSweepWorld, type SweepWorld } from "../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/** Sweep against a GitHub of our own, over real HTTP: what it starts, and what it asks for that. */

const TOKEN = "ghp_0123456789abcdefghijklmnop";
const PIPELINE = "on: {push: {paths: [src/**]}, pull_request: }\njobs: {build: {run: make}}\n";
const NIGHTLY = "on: {schedule: [{cron: '0 * * * *', branch: release/1}, {cron: '30 * * * *'}]}\njobs: {a: {run: x}}\n";
const never = () => false;

let server: RecordingForge;
let repository: RepositoryState;
let world: SweepWorld;
let deps: SweepDeps;
let forge: Forge;
let project: ProjectItem;
beforeEach(async () => {
  server = await startRecordingForge({ tokens: { [TOKEN]: "baton-bot" } });
  world = makeSweepWorld();
  await world.deps.secrets.put("projects/widgets/forge", bindSecret(server.url, TOKEN));
  const { secrets, clock } = world.deps;
  forge = makeForge({ hosts: [server.host], secrets, clock, log: { warn: () => undefined } });
  deps = { ...world.deps, forge };
  const address = { kind: "github", repository: "acme/widgets", apiUrl: server.url, credentials: "token" } as const;
  ({ project } = world.addProject("widgets", { forge: address }));
  repository = server.repository("acme/widgets");
  addCommit(repository, { branch: "main", files: { ".baton/ci.yml": PIPELINE, "src/a.ts": "1" } });
  await sweepAfter(0);
});
afterEach(() => server.stop());

async function sweepAfter(minutes: number): Promise<void> {
  if (minutes === 0) await sweepProjects(deps, never);
  for (let minute = 0; minute < minutes; minute += 1) {
    world.clock.nowMs += MINUTE_MS;
    await sweepSchedules(deps, never);
    await sweepProjects(deps, never);
  }
}

const started = () => world.runs().map(({ trigger, source }) => [trigger?.event, trigger?.branch, source?.sha]);
/** What was asked since the last look, without the repository's address. */
const asked = () => server.requests.splice(0).map(({ path }) => path.replace("/repos/acme/widgets", ""));

test("lost webhooks of a push and of a pull request are made up for, with their filters of paths", async () => {
  addCommit(repository, { branch: "main", files: { "docs/a.md": "no source" } });
  addCommit(repository, { branch: "main", files: { "src/a.ts": "2" } });
  const head = addCommit(repository, { branch: "main", files: { "docs/a.md": "words" } }).sha;
  const fix = addCommit(repository, { branch: "fix", parent: head, files: { "src/b.ts": "1" } }).sha;
  addPull(repository, { number: 7, branch: "fix", sha: fix });
  await sweepAfter(5);
  expect(started()).toEqual([
    ["push", "main", head],
    ["push", "fix", fix],
    ["pull_request", "fix", fix],
  ]);
  addCommit(repository, { branch: "main", files: { "docs/a.md": "more words" } });
  await sweepAfter(5);
  expect(started()).toHaveLength(3);
  expect(world.logged.at(-1)?.fields).toMatchObject({ reason: "no changed file is among `on.push.paths`" });
});

test("a commit that says [skip ci] is not run", async () => {
  addCommit(repository, { branch: "main", files: { "src/a.ts": "2" }, message: "wip [skip ci]" });
  await sweepAfter(5);
  expect(started()).toEqual([]);
});

test("while nothing happens it costs two calls in five minutes, with the etags of the last answer", async () => {
  await sweepAfter(1);
  asked();
  await sweepAfter(20);
  expect(asked()).toEqual(Array.from({ length: 4 }, () => ["/branches", "/pulls"]).flat());
});

test("more than one page of branches is compared whole", async () => {
  for (let branch = 0; branch < 120; branch += 1)
    repository.branches.set(`old-${branch}`, repository.branches.get("main") ?? "");
  await sweepAfter(5);
  expect(world.runs()).toHaveLength(120);
  const head = addCommit(repository, { branch: "old-110", files: { "src/a.ts": "3" } }).sha;
  await sweepAfter(5);
  expect(world.runs()).toHaveLength(121);
  expect(started()).toContainEqual(["push", "old-110", head]);
});

test("of more branches than a forge is asked for the first are compared", async () => {
  const main = repository.branches.get("main") ?? "";
  const head = addCommit(repository, { branch: "main", files: { "src/a.ts": "3" } }).sha;
  for (let branch = 0; branch < FORGE_HEAD_PAGES_MAX * 100; branch += 1) repository.branches.set(`old-${branch}`, main);
  await sweepAfter(5);
  expect(started()).toEqual([["push", "main", head]]);
});

describe("a forge that", () => {
  test.each([
    ["is broken", { status: 502 }],
    ["cuts connections", "reset"],
    ["loses its answers", "lost"],
  ] as const)("%s is asked again later, and nothing is lost", async (_name, how) => {
    await sweepAfter(1);
    const head = addCommit(repository, { branch: "main", files: { "src/a.ts": "2" } }).sha;
    server.fail({ how, times: 1_000 });
    await sweepAfter(12);
    expect(started()).toEqual([]);
    expect(world.counted.get("SweepFailed")).toBeGreaterThan(1);
    server.heal();
    await sweepAfter(30);
    expect(started()).toEqual([["push", "main", head]]);
  });

  test("fails in the middle of starting is asked again, and starts nothing twice", async () => {
    await sweepAfter(1);
    for (const branch of ["a", "b", "c"])
      addCommit(repository, { branch, parent: repository.branches.get("main") ?? null });
    server.fail({ path: /\/contents\//, how: { status: 500 }, after: 3, times: 2 });
    await sweepAfter(20);
    expect(started().map(([, branch]) => branch)).toEqual(["a", "b", "c"]);
  });

  test("names a time to wait is left alone until then", async () => {
    await sweepAfter(1);
    addCommit(repository, { branch: "main", files: { "src/a.ts": "2" } });
    const headers = { "retry-after": String((40 * MINUTE_MS) / 1_000) };
    server.fail({ how: { status: 429, headers } });
    asked();
    await sweepAfter(40);
    expect(asked()).toEqual(["/branches"]);
    await sweepAfter(6);
    expect(started()).toHaveLength(1);
  });
});

describe("schedules", () => {
  test("run the head of the branch that they name, and of the default branch", async () => {
    const main = addCommit(repository, { branch: "main", files: { ".baton/nightly.yml": NIGHTLY } }).sha;
    const release = addCommit(repository, { branch: "release/1", parent: main, files: { "src/r.ts": "1" } }).sha;
    await sweepAfter(6);
    const before = world.runs().length;
    await sweepAfter(HOUR_MS / MINUTE_MS);
    expect(started().slice(before)).toEqual([
      ["schedule", "main", main],
      ["schedule", "release/1", release],
    ]);
  });

  test("of a branch that is not there run nothing", async () => {
    addCommit(repository, { branch: "main", files: { ".baton/nightly.yml": NIGHTLY } });
    await sweepAfter(70);
    expect(started().filter(([event]) => event === "schedule")).toEqual([["schedule", "main", expect.any(String)]]);
  });
});

test("the forge tells a branch's head and a commit's message, and what cannot be seen is no missing branch", async () => {
  const { sha } = addCommit(repository, { branch: "team/fix", message: "fix: a thing\n\nat length" });
  expect(await forge.branchHead(project, "team/fix")).toBe(sha);
  expect(await forge.branchHead(project, "gone")).toBeUndefined();
  expect(await forge.commitMessage(project, sha)).toBe("fix: a thing\n\nat length");
  const elsewhere = { ...project, forge: { ...project.forge, repository: "acme/hidden" } };
  await expect(forge.branchHead(elsewhere, "main")).rejects.toThrow("acme/hidden");
});
