import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { projectBody } from "../../shared/protocol/projects.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { projectItemKey } from "../../shared/store/keys.ts";
import { ITEM_VERSION } from "../../shared/store/migrate.ts";
import type { AuditDeps } from "../../shared/usecases/audit.ts";
import { addProject, readProject, removeProject } from "../../shared/usecases/manage-projects.ts";
import { listSecrets, setSecret } from "../../shared/usecases/manage-secrets.ts";
import type { ProjectDeps } from "../../shared/usecases/trigger-deps.ts";
import { readWebhookSecrets } from "../../shared/usecases/webhook-secrets.ts";
import { answerOf } from "../support/scenario.ts";
import { startWorld, type World } from "../support/world.ts";

/** Answers that are lost after their write has landed, and steps that fail: below the SDK's client, and in the secret store. */

const ACTOR = { kind: "token", id: "t", name: "owner" } as const;
const FORGE = { kind: "github", repository: "o/r", credentials: "none" } as const;

let world: World;
let deps: ProjectDeps & AuditDeps;
let losing: (request: number) => boolean = () => false;
let requests = 0;
let inFlight = 0;
let inFlightMost = 0;

beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
  world.client.middlewareStack.add(
    (next) => async (args) => {
      requests += 1;
      const lost = losing(requests);
      inFlight += 1;
      inFlightMost = Math.max(inFlightMost, inFlight);
      const answer = await next(args).finally(() => {
        inFlight -= 1;
      });
      if (lost) throw Object.assign(new Error("socket hang up"), { name: "ECONNRESET" });
      return answer;
    },
    { step: "finalizeRequest", name: "trouble", priority: "low" },
  );
});
afterEach(() => {
  losing = () => false;
});
afterAll(() => world.stop());

/** The answer to every request from now on is lost once. */
function loseEachOnce(): void {
  const from = requests;
  losing = (nth) => (nth - from) % 2 === 1;
}

function itemOf(name: string, updatedAtMs: number): ProjectItem {
  const base = { ...projectItemKey("main", name), v: ITEM_VERSION, tenant: "main", family: "project" } as const;
  return { ...base, ...projectBody.parse({ name, forge: FORGE }), hasCloneToken: false, createdAtMs: 1, updatedAtMs };
}

test("a project whose write lost its answer was added, changed and removed by that very call", async () => {
  loseEachOnce();
  expect(await deps.projects.addProject(itemOf("lost", 1))).toBe("added");
  expect(await deps.projects.changeProject(itemOf("lost", 2), { updatedAtMs: 1 })).toBe("done");
  expect((await deps.projects.getProject("main", "lost"))?.updatedAtMs).toBe(2);
  expect(await deps.projects.removeProject("main", "lost", 3)).toBe(true);
  expect(await deps.projects.removeProject("main", "lost", 4)).toBe(false);
});

test("of two changes of the same state one is made, and the other is told", async () => {
  await deps.projects.addProject(itemOf("twice", 1));
  const answers = await Promise.all(
    [2, 3].map((updatedAtMs) => deps.projects.changeProject(itemOf("twice", updatedAtMs), { updatedAtMs: 1 })),
  );
  expect(answers.sort()).toEqual(["changed", "done"]);
});

test("a removed project is not changed back to life, and may be added again", async () => {
  await deps.projects.addProject(itemOf("gone", 1));
  await deps.projects.removeProject("main", "gone", 2);
  expect(await deps.projects.changeProject(itemOf("gone", 3), { updatedAtMs: 1 })).toBe("changed");
  expect(await deps.projects.getProject("main", "gone")).toBeUndefined();
  expect(await deps.projects.addProject(itemOf("gone", 4))).toBe("added");
  expect(await deps.projects.listProjects("main")).toContainEqual(itemOf("gone", 4));
});

test("many projects are listed in order, read a few at a time", async () => {
  const names = Array.from({ length: 60 }, (_, n) => `many-${String(n).padStart(2, "0")}`);
  for (const name of names) await deps.projects.addProject(itemOf(name, 1));
  inFlightMost = 0;
  const listed = (await deps.projects.listProjects("main")).map(({ name }) => name);
  expect(listed.filter((name) => name.startsWith("many-"))).toEqual(names);
  expect(inFlightMost).toBeLessThanOrEqual(16);
});

test("a removal that broke off between two secrets is finished by the next, and leaves none", async () => {
  const body = projectBody.parse({ name: "half", forge: FORGE });
  await addProject(deps, body, ACTOR);
  for (const name of ["A", "B", "C"]) world.secrets.set(`projects/half/secrets/_/${name}`, "value");
  let left = 2;
  const remove = async (path: string) => {
    left -= 1;
    if (left < 0) throw new Error("injected: the store is down");
    return deps.secrets.remove(path);
  };
  const failing = { ...deps, secrets: { ...deps.secrets, remove } };
  await expect(removeProject(failing, "half", ACTOR)).rejects.toThrow("injected");
  expect((await readProject(deps, "half")).name).toBe("half");
  await removeProject(deps, "half", ACTOR);
  expect([...world.secrets.keys()].filter((path) => path.startsWith("projects/half/"))).toEqual([]);
  expect(await answerOf(readProject(deps, "half"))).toBe("not_found");
});

const secretsOf = (name: string) => [...world.secrets.keys()].filter((path) => path.includes(`/${name}/`));

test("SECURITY 9: a secret that is set while its project is removed does not outlive it, whichever comes first", async () => {
  const set = (name: string) => setSecret(deps, name, { name: "KEY", value: "value" }, ACTOR);
  const late = { ...deps.projects };
  late.removeProject = async (tenant, name, nowMs) => {
    await set(name);
    return deps.projects.removeProject(tenant, name, nowMs);
  };
  await addProject(deps, projectBody.parse({ name: "set-first", forge: FORGE }), ACTOR);
  await removeProject({ ...deps, projects: late }, "set-first", ACTOR);
  expect(secretsOf("set-first")).toEqual([]);

  await addProject(deps, projectBody.parse({ name: "removed-first", forge: FORGE }), ACTOR);
  const put = async (path: string, value: string) => {
    await removeProject(deps, "removed-first", ACTOR);
    return deps.secrets.put(path, value);
  };
  const slow = { ...deps, secrets: { ...deps.secrets, put } };
  const answer = setSecret(slow, "removed-first", { name: "KEY", value: "value" }, ACTOR);
  expect(await answerOf(answer)).toBe("conflict");
  expect(secretsOf("removed-first")).toEqual([]);
});

test("SECURITY 19: whoever names another pool for forks is told what opens it", async () => {
  const add = (name: string, forks?: object) =>
    addProject(deps, projectBody.parse({ name, forge: FORGE, forks }), ACTOR);
  const told = expect.arrayContaining([expect.stringMatching(/bound to no pool open the pool default/)]);
  expect((await add("own-pool", { mode: "approve", pool: "default" })).warnings).toEqual(told);
  expect((await add("usual-pool")).warnings).not.toEqual(told);
});

test("SECURITY 9: a project has no secret that was kept under its name before it", async () => {
  world.secrets.set("projects/again/secrets/_/KEY", "of the one before");
  world.secrets.set("webhooks/again/0", "of the one before");
  const { webhookSecret } = await addProject(deps, projectBody.parse({ name: "again", forge: FORGE }), ACTOR);
  expect(await listSecrets(deps, "again")).toEqual([]);
  expect(await readWebhookSecrets(deps.secrets, "again")).toEqual([webhookSecret]);
});

test("SECURITY 35: what cannot be written to the audit is not done", async () => {
  const full = { ...deps, audit: { ...deps.audit, append: () => Promise.reject(new Error("the table is full")) } };
  const body = projectBody.parse({ name: "unaudited", forge: FORGE });
  await expect(addProject(full, body, ACTOR)).rejects.toThrow("the table is full");
  expect(await answerOf(readProject(deps, "unaudited"))).toBe("not_found");
  await addProject(deps, body, ACTOR);
  await expect(removeProject(full, "unaudited", ACTOR)).rejects.toThrow("the table is full");
  expect((await readProject(deps, "unaudited")).name).toBe("unaudited");
});
