import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseEvent } from "../../functions/forges/github/parse-event.ts";
import { makeForge } from "../../functions/forges/make-forge.ts";
import { FORGE_HEAD_PAGES_MAX } from "../../shared/domain/limits.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import type { Forge } from "../../shared/usecases/forge.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../shared/usecases/sweep-schedules.ts";
import { addCommit, addPull, addTag, closePull, type RepositoryState } from "../support/recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "../support/recording-forge.ts";
import { makeSweepWorld, type SweepWorld } from "../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/** Sweep against a GitHub of our own, over real HTTP: what it starts, and what it asks for that. */

const TOKEN = "ghp_0123456789abcdefghijklmnop";
const PIPELINE = "on: {push: {paths: [src/**]}, pull_request: }\njobs: {build: {run: make}}\n";
const NIGHTLY = "on: {schedule: [{cron: '0 * * * *', branch: release/1}, {cron: '30 * * * *'}]}\njobs: {a: {run: x}}\n";
const TAGS = "/git/matching-refs/tags";
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

test("while nothing happens it costs three calls in five minutes, with the etags of the last answer", async () => {
  await sweepAfter(1);
  asked();
  await sweepAfter(20);
  expect(asked()).toEqual(Array.from({ length: 4 }, () => ["/branches", "/pulls", TAGS]).flat());
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

describe("a lost push of a tag", () => {
  const RELEASE = "on: {push: {tags: ['v*']}}\njobs: {build: {run: make}}\n";
  const tagged = () => world.runs().map(({ trigger, source }) => [trigger?.tag, source?.sha, trigger?.via]);
  let head: string;
  beforeEach(async () => {
    head = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": RELEASE } }).sha;
    await sweepAfter(5);
    asked();
  });

  test("is made up for, and of an annotated tag the commit runs that it names", async () => {
    addTag(repository, "v1", head);
    addTag(repository, "v2", head, true);
    addTag(repository, "nightly", head);
    await sweepAfter(5);
    expect(tagged().sort()).toEqual([
      ["v1", head, "sweep"],
      ["v2", head, "sweep"],
    ]);
    expect(asked().filter((path) => path.startsWith("/git/tags/"))).toHaveLength(1);
  });

  test.each([["lightweight"], ["annotated"]])("has the run of its late webhook: a %s tag", async (kind) => {
    const object = addTag(repository, "v1", head, kind === "annotated");
    await sweepAfter(5);
    const payload = {
      ref: "refs/tags/v1",
      before: "0".repeat(40),
      after: object,
      created: true,
      head_commit: { id: head, message: "a change" },
      repository: { full_name: "acme/widgets", pushed_at: 1_700_000_000 },
    };
    const parsed = parseEvent("push", payload, 0);
    if (parsed.kind !== "trigger") throw new Error(`the payload is ${parsed.kind}`);
    await startTriggered(deps, project, parsed.trigger, "webhook");
    expect(tagged()).toEqual([["v1", head, "sweep"]]);
  });

  test("that moves one is a push of it; one that is gone, or is of no commit, is nothing", async () => {
    addTag(repository, "v1", head, true);
    await sweepAfter(5);
    const next = addCommit(repository, { branch: "main" }).sha;
    addTag(repository, "v1", next, true);
    addTag(repository, "v-of-a-file", "f".repeat(40));
    await sweepAfter(5);
    repository.tags.delete("v1");
    await sweepAfter(65);
    expect(tagged()).toEqual([
      ["v1", head, "sweep"],
      ["v1", next, "sweep"],
    ]);
  });

  test("is known by the name that a webhook has for it, also where that is no Unicode", async () => {
    addTag(repository, "v\ud800", head);
    await sweepAfter(5);
    expect(tagged()).toEqual([["v\ufffd", head, "sweep"]]);
  });

  test("of a server that sends pages is made up for", async () => {
    const names = ["v1", "v2"];
    const pages = names.map((name) => [{ ref: `refs/tags/${name}`, object: { type: "commit", sha: head } }]);
    const link = { link: '<https://forge.test/?page=2>; rel="next", <https://forge.test/?page=2>; rel="last"' };
    server.fail({ path: /matching-refs/, how: { status: 200, body: pages[0], headers: link } });
    server.fail({ path: /matching-refs/, how: { status: 200, body: pages[1] } });
    await sweepAfter(5);
    expect(tagged().map(([tag]) => tag)).toEqual(expect.arrayContaining(names));
  });

  test("is not looked for while there are too many tags; those that came meanwhile start nothing", async () => {
    const link = { link: '<https://forge.test/?page=2>; rel="next"' };
    const body = [{ ref: "refs/tags/v0", object: { type: "commit", sha: head } }];
    server.fail({ path: /matching-refs/, how: { status: 200, body, headers: link }, times: FORGE_HEAD_PAGES_MAX });
    await sweepAfter(5);
    expect(world.logged.at(-1)?.message).toContain("too many tags");
    addTag(repository, "v1", head);
    const asked = () => server.requests.filter(({ path }) => path.includes("matching-refs")).length;
    const before = asked();
    await sweepAfter(5);
    expect(asked(), "so long a list is asked for once an hour").toBe(before);
    await sweepAfter(60);
    addTag(repository, "v2", head);
    await sweepAfter(5);
    expect(tagged()).toEqual([["v2", head, "sweep"]]);
  });
});

test("a repository without a commit is seen, and its first tag is a push", async () => {
  const address = { kind: "github", repository: "acme/empty", apiUrl: server.url, credentials: "token" } as const;
  await world.deps.secrets.put("projects/empty/forge", bindSecret(server.url, TOKEN));
  world.addProject("empty", { forge: address });
  const empty = server.repository("acme/empty");
  await sweepAfter(5);
  const files = { ".baton/ci.yml": "on: {push: {tags: ['*']}}\njobs: {build: {run: make}}\n" };
  addTag(empty, "v1", addCommit(empty, { branch: "main", files }).sha);
  await sweepAfter(5);
  expect(world.runs()).toMatchObject([{ trigger: { event: "tag", tag: "v1" } }]);
});

test("a branch that is only missing in a list whose pages shifted is no new one when it is back", async () => {
  await sweepAfter(5);
  server.fail({ path: /\/branches$/, how: { status: 200, body: [] }, times: 2 });
  await sweepAfter(15);
  expect(server.requests.map(({ path }) => path)).toContain("/repos/acme/widgets/branches/main");
  expect(world.runs()).toEqual([]);
});

describe("a pull request that is closed, and nobody told", () => {
  const SUPERSEDING = "supersede: true\non: {pull_request: }\njobs: {build: {run: make}}\n";
  const CLOSED_AT = "2026-01-01T00:00:03Z";
  beforeEach(async () => {
    const head = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": SUPERSEDING } }).sha;
    for (const number of [7, 8]) {
      const { sha } = addCommit(repository, { branch: `fix-${number}`, parent: head });
      addPull(repository, { number, branch: `fix-${number}`, sha });
    }
    await sweepAfter(5);
    asked();
  });
  const states = () =>
    world
      .runs()
      .map(({ trigger, state, reason }) => [trigger?.number, state, reason])
      .sort();
  const canceled = expect.stringMatching(/^cancel/);
  const LIVE = [8, "live", undefined];

  test("lets its runs go, once, and its late webhook changes nothing more", async () => {
    closePull(repository, 7, CLOSED_AT);
    await sweepAfter(5);
    expect(states()).toEqual([[7, canceled, "the pull request was closed"], LIVE]);
    expect(world.closings()).toMatchObject([{ closedAtMs: Date.parse(CLOSED_AT) }]);
    const before = world.runs();
    const pull = await forge.readPull(project, 7);
    if (pull === undefined) throw new Error("the forge does not know the pull request");
    await startTriggered(deps, project, pull, "webhook");
    await sweepAfter(65);
    expect(world.runs()).toEqual(before);
    expect(world.closings()).toHaveLength(1);
    expect(asked().filter((path) => path === "/pulls/7")).toHaveLength(2);
  });

  test("and opened again runs again, though nobody told of either", async () => {
    closePull(repository, 7, CLOSED_AT);
    await sweepAfter(5);
    Object.assign(repository.pulls.get(7) ?? {}, { state: "open", updated_at: "2026-01-01T00:00:09Z" });
    await sweepAfter(5);
    expect(states().map(([number, state]) => [number, state])).toEqual([
      [7, canceled],
      [7, "live"],
      [8, "live"],
    ]);
  });

  test("but is only missing in a list whose pages shifted: it goes on", async () => {
    const { 7: _seven, ...rest } = Object.fromEntries(repository.pulls);
    server.fail({ path: /\/pulls$/, how: { status: 200, body: Object.values(rest) } });
    // Taken for another page than the one that the etag names.
    server.fail({ path: /\/branches$/, how: { status: 200, body: [] } });
    await sweepAfter(5);
    expect(asked()).toContain("/pulls/7");
    await sweepAfter(10);
    expect(world.runs().map(({ state }) => state)).toEqual(["live", "live"]);
    expect(world.closings()).toEqual([]);
  });

  test("of a commit that the forge has no more, keeps no other and no tag from its turn", async () => {
    for (const number of [7, 8]) closePull(repository, number, CLOSED_AT);
    const { sha } = repository.pulls.get(7)?.head ?? { sha: "" };
    const commit = repository.commits.get(sha);
    repository.commits.delete(sha);
    await sweepAfter(5);
    expect(states()).toEqual([
      [7, "live", undefined],
      [8, canceled, "the pull request was closed"],
    ]);
    expect(asked()).toContain(TAGS);
    if (commit !== undefined) repository.commits.set(sha, commit);
    await sweepAfter(65);
    expect(states()).toEqual([7, 8].map((number) => [number, canceled, "the pull request was closed"]));
  });

  test("while the forge fails is closed when it answers again", async () => {
    closePull(repository, 7, CLOSED_AT);
    server.fail({ path: /\/pulls\/7$/, how: { status: 502 }, times: 3 });
    await sweepAfter(20);
    expect(states()).toEqual([[7, canceled, "the pull request was closed"], LIVE]);
  });
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
