import { beforeEach, describe, expect, test } from "vitest";
import {
  SWEEP_PROJECT_MS,
  SWEEP_TAGS_MAX,
  SWEEP_WHOLE_MS,
  TAG_SHARES,
  TAGS_GONE_PER_SHARE_MAX,
  TAGS_PER_SHARE_MAX,
} from "../../../shared/domain/limits.ts";
import { headsKey, headsPartition } from "../../../shared/store/keys.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import { isTooManyTags, joinSeen, parseSeen, seenAfter, shareOut } from "../../../shared/usecases/seen-tags.ts";
import { headsRefOf } from "../../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../../shared/usecases/sweep-projects.ts";
import { dyingAt, type Moment } from "../../support/faulty-deps.ts";
import { makeSweepWorld, type SweepWorld } from "../../support/sweep-world.ts";
import { MINUTE_MS } from "../../support/times.ts";

const PIPELINE = "on: {push: {tags: ['v*']}}\njobs: {build: {run: make}}\n";
const sha = (name: string) => Buffer.from(name.padEnd(20, ".")).toString("hex");
const never = () => false;

let world: SweepWorld;
let added: ReturnType<SweepWorld["addProject"]>;
beforeEach(async () => {
  world = makeSweepWorld();
  added = world.addProject("shop");
  added.repository.files.set(".baton/ci.yml", PIPELINE);
  added.repository.branches.set("main", sha("m1"));
  addTags("v-old", 3);
  await sweepAfter(1);
});

async function sweepAfter(minutes: number, isOver = never): Promise<void> {
  await sweepProjects(world.deps, isOver);
  for (let minute = 0; minute < minutes; minute += 1) {
    world.clock.nowMs += MINUTE_MS;
    await sweepProjects(world.deps, isOver);
  }
}

function addTags(name: string, count: number): void {
  for (let nth = 0; nth < count; nth += 1) {
    const tag = `${name}-${nth}`;
    added.repository.tags.set(tag, { tag, sha: sha(tag), kind: "commit" });
  }
}

const started = () =>
  world
    .runs()
    .map(({ trigger }) => trigger?.tag ?? "")
    .sort();
const remembered = async () =>
  (await world.deps.sweeps.listTags(headsPartition(headsRefOf(added.project)))).reduce(
    (sum, { seen }) => sum + parseSeen(seen).size,
    0,
  );
const down = new ForgeError("the forge is down", { status: 502, retry: true });

test("tags of the first sight start nothing, new ones once, and moved ones again", async () => {
  expect(await remembered()).toBe(3);
  addTags("v1", 2);
  added.repository.tags.set("v-old-1", { tag: "v-old-1", sha: sha("moved"), kind: "commit" });
  added.repository.tags.set("other", { tag: "other", sha: sha("x"), kind: "commit" });
  await sweepAfter(SWEEP_WHOLE_MS / MINUTE_MS);
  expect(started()).toEqual(["v-old-1", "v1-0", "v1-1"]);
});

test("a project that sweep knew before it knew of tags has its first sight of them", async () => {
  world.table.edit(headsKey(headsRefOf(added.project)), (item) => {
    const { tagsEtag: _etag, tagsListedAtMs: _listedAtMs, ...older } = item ?? {};
    return older;
  });
  addTags("v1", 2);
  await sweepAfter(5);
  expect(started()).toEqual([]);
  addTags("v2", 1);
  await sweepAfter(5);
  expect(started()).toEqual(["v2-0"]);
});

test("a list that is empty for a moment makes no tag new", async () => {
  const tags = [...added.repository.tags];
  added.repository.tags.clear();
  await sweepAfter(5);
  for (const [name, tag] of tags) added.repository.tags.set(name, tag);
  await sweepAfter(5);
  expect(started()).toEqual([]);
});

test("more new tags than people push at once are remembered, and start nothing", async () => {
  addTags("v-brought", SWEEP_TAGS_MAX + 1);
  await sweepAfter(5);
  expect(started()).toEqual([]);
  expect(await remembered()).toBe(SWEEP_TAGS_MAX + 4);
  expect(world.logged.at(-1)).toMatchObject({ fields: { tags: SWEEP_TAGS_MAX + 1 } });
  addTags("v1", 1);
  await sweepAfter(5);
  expect(started()).toEqual(["v1-0"]);
});

test("a tag that no webhook would tell of starts nothing: of a file, or of a name with control characters", async () => {
  added.repository.tags.set("v-file", { tag: "v-file", sha: sha("f"), kind: "blob" });
  added.repository.tags.set("v-odd", { tag: "v\u0007", sha: sha("o"), kind: "commit" });
  await sweepAfter(5);
  expect(started()).toEqual([]);
  expect(await remembered()).toBe(5);
});

test("where time runs out the rest follows a minute later, and nothing twice", async () => {
  addTags("v1", 20);
  world.clock.nowMs += SWEEP_PROJECT_MS;
  const counts: number[] = [];
  for (let minute = 0; minute < 4; minute += 1) {
    const asked: boolean[] = [];
    await sweepProjects(world.deps, () => asked.push(true) > 10);
    counts.push(world.runs().length);
    world.clock.nowMs += MINUTE_MS;
  }
  expect(counts).toEqual([9, 18, 20, 20]);
});

describe("a forge that", () => {
  test("fails in the middle is asked again, and what was handled is not", async () => {
    addTags("v1", 20);
    const asked: string[] = [];
    const { commitOfTag } = added.repository.forge;
    added.repository.forge.commitOfTag = async (project, tag) => {
      asked.push(tag.tag);
      if (asked.length === 8) throw down;
      return commitOfTag(project, tag);
    };
    await sweepAfter(10);
    expect(started()).toHaveLength(20);
    expect(asked).toHaveLength(21);
  });

  test.each([
    ["refuses one tag", new ForgeError("no such object", { status: 404, retry: false })],
    ["has a tag that a mistake of ours breaks", new Error("a mistake of ours")],
  ])("%s keeps no other from its turn, and that one is started when it can be", async (_what, error) => {
    addTags("v1", 5);
    let isBroken = true;
    const { commitOfTag } = added.repository.forge;
    added.repository.forge.commitOfTag = async (project, tag) => {
      if (isBroken && tag.tag === "v1-2") throw error;
      return commitOfTag(project, tag);
    };
    world.clock.nowMs += SWEEP_PROJECT_MS;
    const swept = sweepProjects(world.deps, never);
    if (error instanceof ForgeError) await swept;
    else await expect(swept).rejects.toThrow("a mistake of ours");
    expect(started()).toHaveLength(4);
    isBroken = false;
    // What is our own mistake is due at once; what the forge refuses with the next whole list.
    await sweepAfter((error instanceof ForgeError ? SWEEP_WHOLE_MS : SWEEP_PROJECT_MS) / MINUTE_MS);
    expect(started()).toHaveLength(5);
  });

  test("does not list its tags is asked less and less often; its branches are compared meanwhile", async () => {
    added.repository.files.set(".baton/push.yml", "on: {push: }\njobs: {build: {run: make}}\n");
    added.repository.failing = { error: down, calls: ["listTags"] };
    added.repository.branches.set("main", sha("m2"));
    added.repository.calls.splice(0);
    await sweepAfter(60);
    expect(world.runs()).toMatchObject([{ trigger: { branch: "main" } }]);
    expect(added.repository.calls.filter((call) => call === "listTags").length).toBeLessThan(9);
    added.repository.failing = undefined;
    addTags("v1", 1);
    await sweepAfter(35);
    expect(started()).toContain("v1-0");
  });
});

test("a project that is removed has its tags forgotten; added again it sees them anew", async () => {
  world.removeProject("shop");
  await sweepAfter(5);
  const partition = headsPartition(headsRefOf(added.project));
  const items = await world.deps.sweeps.listTags(partition);
  expect(items.map(({ ttl }) => ttl)).toEqual(items.map(() => expect.any(Number)));
  world.addProject("shop");
  addTags("v1", 2);
  await sweepAfter(5);
  expect(started()).toEqual([]);
});

describe.each<Moment>(["before", "after"])("a sweep that dies %s", (moment) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20])(
    "write %i starts each tag once in the end",
    async (nth) => {
      addTags("v1", 4);
      world.clock.nowMs += SWEEP_PROJECT_MS;
      const mortal = dyingAt(world.deps, nth, moment);
      await sweepProjects({ ...world.deps, ...mortal.deps }, never).catch(() => undefined);
      await sweepAfter(10);
      expect(started()).toEqual(["v1-0", "v1-1", "v1-2", "v1-3"]);
      expect(await remembered()).toBe(7);
    },
  );
});

describe("what is remembered", () => {
  const tagsNamed = (count: number) =>
    Array.from({ length: count }, (_, nth) => ({ tag: `v${nth}`, sha: sha(`${nth}`), kind: "commit" as const }));
  const digest = (nth: number) => nth.toString(16).padStart(16, "0");

  test("is shared out evenly, by name, and read as it was written", () => {
    const shares = shareOut(tagsNamed(16_000));
    expect(shares.size).toBe(TAG_SHARES);
    for (const tags of shares.values()) {
      expect(Math.abs(tags.size - 1_000)).toBeLessThan(200);
      expect(parseSeen(joinSeen(tags.keys()))).toEqual(new Set(tags.keys()));
    }
    expect(parseSeen("")).toEqual(new Set());
  });

  test("has room in an item of 400 KB", () => {
    const full = new Map(
      Array.from({ length: TAGS_PER_SHARE_MAX }, (_, nth) => [digest(nth), tagsNamed(1)[0]] as const),
    );
    expect(joinSeen(full.keys()).length).toBeLessThan(350_000);
    const share = full as ReturnType<typeof shareOut> extends ReadonlyMap<string, infer S> ? S : never;
    expect(isTooManyTags(new Map([["0", share]]))).toBe(false);
    expect(isTooManyTags(new Map([["0", new Map([...share, [digest(-1), tagsNamed(1)[0]]]) as typeof share]]))).toBe(
      true,
    );
  });

  test("holds tags that are gone, until they are too many", () => {
    const gone = new Set(Array.from({ length: TAGS_GONE_PER_SHARE_MAX }, (_, nth) => digest(nth)));
    expect(seenAfter(gone, ["a"], new Set()).size).toBe(TAGS_GONE_PER_SHARE_MAX + 1);
    expect(seenAfter(new Set([...gone, "b"]), ["a"], new Set())).toEqual(new Set(["a"]));
  });

  test("has room in an item of 400 KB, too, where as many tags are gone as there are", () => {
    const all = Array.from({ length: 2 * TAGS_PER_SHARE_MAX }, (_, nth) => digest(nth));
    const gone = new Set(all.slice(0, TAGS_PER_SHARE_MAX));
    const seen = seenAfter(gone, all.slice(TAGS_PER_SHARE_MAX), new Set());
    expect(joinSeen(seen).length).toBeLessThan(350_000);
    expect(seen).toEqual(new Set(all.slice(TAGS_PER_SHARE_MAX)));
  });

  test("does not hold what was left for the next look", () => {
    expect(seenAfter(new Set(["a"]), ["a", "b", "c"], new Set(["c"]))).toEqual(new Set(["a", "b"]));
  });
});
