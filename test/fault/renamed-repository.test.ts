import { beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem } from "../../shared/store/items.ts";
import { deliveryKey } from "../../shared/store/keys.ts";
import { decideDelivery } from "../../shared/usecases/decide-delivery.ts";
import { webhookSecretPath } from "../../shared/usecases/secret-paths.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../shared/usecases/sweep-schedules.ts";
import { type FakeRepository, makeFakeRepository } from "../support/fake-forge.ts";
import { makeSweepWorld, type SweepWorld } from "../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";
import {
  newDeliveryId,
  type Post,
  PUSH_PIPELINE,
  pushPayload,
  shaOf,
  webhookFunction,
} from "../support/trigger-world.ts";

/** A repository is known by its id: it may be renamed, and another one may take its name. */

const SECRET = "secret of shop";
const OLD = "acme/shop";
const NEW = "initech/store";

let world: SweepWorld;
let project: ProjectItem;
let repository: FakeRepository;
let post: ReturnType<typeof webhookFunction>;
const stored = async () => (await world.deps.projects.getProject("main", "shop")) as ProjectItem;
const startedShas = () => world.runs().map(({ source }) => source?.sha);
const shaList = (...words: string[]) => words.map(shaOf);

beforeEach(async () => {
  world = makeSweepWorld();
  ({ project, repository } = world.addProject("shop"));
  repository.files.set(".baton/ci.yml", PUSH_PIPELINE);
  repository.branches.set("main", shaOf("m1"));
  repository.id = "42";
  await world.deps.secrets.put(webhookSecretPath("shop", "0"), SECRET);
  post = webhookFunction(world.deps);
});

/** What GitHub answers from then on: by the old name it leads to the new one. */
function rename(to = NEW): void {
  repository.name = to;
  world.repositories.set(to, repository);
}
/** Somebody makes another repository where the old name was. */
function takeOldName(): FakeRepository {
  const other = makeFakeRepository();
  Object.assign(other, { id: "666", name: OLD });
  other.files.set(".baton/ci.yml", PUSH_PIPELINE);
  other.branches.set("main", shaOf("hostile"));
  world.repositories.set(OLD, other);
  return other;
}

async function told(word: string, about: { id?: number; full_name: string }, event = "push", change = {}) {
  const id = newDeliveryId();
  const pushedAt = new Date(world.clock.nowMs).toISOString();
  const body = pushPayload({ project } as Parameters<typeof pushPayload>[0], word, {
    repository: { ...about, pushed_at: pushedAt },
    ...change,
  });
  const sent: Post = { project: "shop", secret: SECRET, body, event, id };
  expect((await post(sent)).status).toBe(202);
  const ref = { tenant: "main", forge: "github", project: "shop", deliveryId: id } as const;
  await decideDelivery(world.deps, ref);
  return world.deps.triggers.getDelivery(deliveryKey(ref));
}

async function sweep(): Promise<void> {
  world.clock.nowMs += 5 * MINUTE_MS;
  await sweepProjects(world.deps, () => false);
}

describe("case C6: a repository's id", () => {
  test("is learned by the first event of its name, and by the first look of a sweep", async () => {
    await told("one", { id: 42, full_name: "Acme/Shop" });
    expect(await stored()).toMatchObject({ repositoryId: "42", forge: { repository: OLD } });
    world.addProject("shop");
    await sweep();
    expect(await stored()).toMatchObject({ repositoryId: "42" });
    expect(world.audited).toEqual([]);
  });

  test("is learned also of a project that was added by a name of before", async () => {
    rename();
    await sweep();
    await sweep();
    expect(await stored()).toMatchObject({ repositoryId: "42", forge: { repository: NEW }, formerRepositories: [OLD] });
  });
});

describe("case C6: before the id of a project's repository is known", () => {
  test("an event by another name is the project's where its own name leads to that repository", async () => {
    rename();
    expect(await told("m2", { id: 42, full_name: NEW })).toMatchObject({ state: "handled" });
    expect(startedShas()).toEqual(shaList("m2"));
    expect(await stored()).toMatchObject({ repositoryId: "42", forge: { repository: NEW } });
  });

  test("an event of another repository, as a hook of an organisation tells it, is ignored; and the id is known then", async () => {
    expect(await told("x", { id: 7, full_name: "acme/other" })).toMatchObject({
      state: "ignored",
      reason: `it is of acme/other, and this project is of ${OLD}`,
    });
    expect(startedShas()).toEqual([]);
    expect(await stored()).toMatchObject({ repositoryId: "42", forge: { repository: OLD } });
  });
});

describe("case C6: a repository that is renamed or transferred", () => {
  beforeEach(async () => {
    await sweep();
    await sweep();
  });

  test.each(["renamed", "transferred"])("and tells it (%s) is followed, with an entry in the audit", async (action) => {
    rename();
    const kept = await told("x", { id: 42, full_name: NEW }, "repository", { action });
    expect(kept).toMatchObject({
      state: "handled",
      decisions: [{ pipeline: "*", reason: `the repository is ${NEW}` }],
    });
    expect(await stored()).toMatchObject({ repositoryId: "42", forge: { repository: NEW }, formerRepositories: [OLD] });
    expect(world.audited).toMatchObject([
      {
        action: "project.change",
        actor: { kind: "forge" },
        subject: "shop",
        details: { repository: NEW, formerRepository: OLD, repositoryId: "42" },
      },
    ]);
  });

  test("is followed by the first event of its new name, which starts its run", async () => {
    rename();
    expect(await told("m2", { id: 42, full_name: NEW })).toMatchObject({ state: "handled" });
    expect(startedShas()).toEqual(shaList("m2"));
    expect(world.runs()[0]?.source?.url).toBe(`https://github.com/${NEW}.git`);
    expect((await stored()).forge.repository).toBe(NEW);
  });

  test("keeps its new name where an event of the old one comes late", async () => {
    rename();
    await told("m2", { id: 42, full_name: NEW });
    expect(await told("m3", { id: 42, full_name: OLD })).toMatchObject({ state: "handled" });
    expect((await stored()).forge.repository).toBe(NEW);
    expect(world.audited).toHaveLength(1);
  });

  test("is swept on by its new name: what was seen before is no first sight, and a lost push is found", async () => {
    rename();
    repository.branches.set("main", shaOf("m2"));
    await sweep();
    await sweep();
    expect((await stored()).forge.repository).toBe(NEW);
    await sweep();
    expect(startedShas()).toEqual(shaList("m2"));
  });

  test("is followed to and fro, and what is kept by its first name stays", async () => {
    for (const name of [NEW, OLD, "acme/third"]) {
      rename(name);
      await told("x", { id: 42, full_name: name }, "repository", { action: "renamed" });
    }
    expect(await stored()).toMatchObject({ forge: { repository: "acme/third" }, formerRepositories: [OLD, NEW] });
    repository.branches.set("main", shaOf("m2"));
    await sweep();
    await sweep();
    expect(startedShas()).toEqual(shaList("m2"));
  });

  test("waits, with the reason, where the forge does not show it to us any more", async () => {
    rename();
    world.repositories.clear();
    const kept = await told("m2", { id: 42, full_name: NEW });
    expect(kept).toMatchObject({ state: "received", reason: expect.stringContaining("there is no repository") });
    world.repositories.set(NEW, repository);
    await decideDelivery(world.deps, {
      tenant: "main",
      forge: "github",
      project: "shop",
      deliveryId: kept?.deliveryId ?? "",
    });
    expect(startedShas()).toEqual(shaList("m2"));
  });
});

describe("case C6: another repository that takes the old name", () => {
  beforeEach(async () => {
    await sweep();
    await sweep();
    rename();
    takeOldName();
  });

  test("starts nothing by its webhooks, though they are signed and have the project's name", async () => {
    expect(await told("hostile", { id: 666, full_name: OLD })).toMatchObject({
      state: "ignored",
      reason: `it is of ${OLD} with the id 666, and this project is of ${OLD}, whose id is 42`,
    });
    expect(startedShas()).toEqual([]);
  });

  test("starts nothing by a sweep, which goes on with the project's own", async () => {
    await sweep();
    repository.branches.set("main", shaOf("m2"));
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await sweep();
    expect(startedShas()).toEqual(shaList("m2"));
    expect((await stored()).forge.repository).toBe(NEW);
  });

  test("starts no schedule of its own, nor the project's at its head", async () => {
    const scheduled = "on: {schedule: [{cron: '0 * * * *'}]}\njobs: {build: {run: make}}\n";
    repository.files.set(".baton/ci.yml", scheduled);
    repository.branches.set("main", shaOf("m3"));
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await sweep();
    takeOldName();
    world.clock.nowMs = Math.ceil(world.clock.nowMs / HOUR_MS) * HOUR_MS + MINUTE_MS;
    await sweepSchedules(world.deps, () => false);
    expect(startedShas().at(-1)).toBe(shaOf("m3"));
    expect(startedShas()).not.toContain(shaOf("hostile"));
  });
});
