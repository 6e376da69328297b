import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TABLE_NAME } from "../../../localstack/names.ts";
import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import type { RunTrigger } from "../../../shared/protocol/triggers.ts";
import { readAudit } from "../../../shared/usecases/audit.ts";
import type { RunSeed } from "../../../shared/usecases/births.ts";
import { bindSecret } from "../../../shared/usecases/bound-secret.ts";
import { completeJob, expireLease } from "../../../shared/usecases/end-attempt.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import { rerunRun } from "../../../shared/usecases/rerun-run.ts";
import { cloneSecretPath } from "../../../shared/usecases/secret-paths.ts";
import { offerSourceCredential, readSourceCredential } from "../../../shared/usecases/source-credential.ts";
import { type FakeRepository, makeFakeRepository, READ_TOKEN } from "../../support/fake-forge.ts";
import { forgeProject } from "../../support/forge-project.ts";
import { answerOf, jobOf, lastWord, planOf, runningAt, startRun } from "../../support/scenario.ts";
import { startWorld, type World } from "../../support/world.ts";

/** The source route's use case, on the real engine. */

const API = "https://api.github.com";
const URL_OF = (name: string) => `https://github.com/acme/${name}.git`;
const CLONE_TOKEN = "ghp_clone-token-that-nobody-may-see";
const FORGE_TOKEN = "ghp_forge-token-that-nobody-may-see";
const SHA = "a".repeat(40);
const PULL: RunTrigger = {
  event: "pull_request",
  via: "webhook",
  occurredAtMs: 0,
  branch: "x",
  number: 7,
  fork: false,
};
const credentialOf = (password: string) => ({ credential: { username: "x-access-token", password } });

let world: World;
let deps: World["deps"];
let forge: FakeRepository;
const logged: unknown[] = [];
beforeAll(async () => {
  world = await startWorld();
  const say = (...words: unknown[]) => void logged.push(words);
  deps = { ...world.deps, log: { info: say, warn: say } };
  const add = (name: string, change: Parameters<typeof forgeProject>[1] & { hasCloneToken?: boolean }) => {
    const { hasCloneToken = false, ...rest } = change;
    const made = forgeProject(API, { ...rest, name, forge: { repository: `acme/${name}`, ...rest.forge } });
    world.repositories.set(`acme/${name}`, forge);
    return deps.projects.addProject({ ...made, hasCloneToken });
  };
  forge = makeFakeRepository();
  await add("app", { forge: { credentials: "app" } });
  await add("mirrored", { forge: { credentials: "app", cloneUrl: "https://mirror.example/acme/mirrored.git" } });
  await add("inside", { forge: { credentials: "app", apiUrl: "http://git.inside" } });
  await add("cloned", { hasCloneToken: true });
  await add("statuses", {});
  await add("open", { forge: { credentials: "none" } });
  for (const name of ["cloned", "statuses"]) world.secrets.set(`projects/${name}/forge`, FORGE_TOKEN);
  world.secrets.set(cloneSecretPath("cloned"), bindSecret("https://github.com", CLONE_TOKEN));
});
beforeEach(() => {
  forge.failing = undefined;
  forge.calls.length = 0;
});
afterAll(() => world.stop());

const sourceOf = (url: string) => ({ kind: "git" as const, url, sha: SHA });
async function attemptOf(project: string, change: Partial<RunSeed> = {}) {
  const seed = { project, source: sourceOf(URL_OF(project)), ...change };
  const { runId } = await startRun(deps, planOf({ id: "one" }), seed);
  return { runId, ...(await runningAt(deps, { runId, jobId: "one" })) };
}
type Attempt = Awaited<ReturnType<typeof attemptOf>>;

/** What the grant says, and what the route answers: these must agree. */
async function answersTo({ grant, claims }: Pick<Attempt, "grant" | "claims">) {
  const { sourceCredential } = await offerSourceCredential(deps, grant);
  const answer = await readSourceCredential(deps, claims);
  expect(sourceCredential).toBe(answer.credential === undefined ? undefined : true);
  return answer;
}
const usesOf = async (runId: string) => {
  const { entries } = await readAudit(deps, { limit: 200 });
  return entries.filter(({ action, subject }) => action === "source.use" && subject === runId);
};

test("an App's project gives a token that the App makes for it, to events and to runs that people create", async () => {
  expect(await answersTo(await attemptOf("app"))).toEqual(credentialOf(READ_TOKEN));
  expect(await answersTo(await attemptOf("app", { trigger: PULL }))).toEqual(credentialOf(READ_TOKEN));
});

test("SECURITY 12: a token's project gives its clone token, and never the token that Baton speaks to the forge with", async () => {
  expect(await answersTo(await attemptOf("cloned", { trigger: PULL }))).toEqual(credentialOf(CLONE_TOKEN));
  expect(await answersTo(await attemptOf("statuses", { trigger: PULL }))).toEqual({});
  expect(await answersTo(await attemptOf("open", { trigger: PULL }))).toEqual({});
  expect(forge.calls).toEqual([]);
});

test("SECURITY 33: a clone token goes to no other server than it was given for, whatever the project says now", async () => {
  const bound = bindSecret("https://other.example", CLONE_TOKEN);
  const secrets = { ...deps.secrets, read: async () => bound };
  const { claims } = await attemptOf("cloned", { trigger: PULL });
  const answer = await readSourceCredential({ ...deps, secrets }, claims);
  expect(answer).toEqual({ problem: expect.stringMatching(/another server/) });
});

test("only the project's own clone URL has one, over https, and an App's only at its forge", async () => {
  for (const url of [
    URL_OF("cloned"),
    "https://github.com/acme/app",
    "https://github.com/ACME/app.git",
    "https://evil.example/acme/app.git",
    "http://github.com/acme/app.git",
    "git@github.com:acme/app.git",
  ])
    expect(await answersTo(await attemptOf("app", { source: sourceOf(url) })), url).toEqual({});
  expect(await answersTo(await attemptOf("unknown", { source: sourceOf(URL_OF("app")) }))).toEqual({});
  const mirror = sourceOf("https://mirror.example/acme/mirrored.git");
  expect(await answersTo(await attemptOf("mirrored", { source: mirror }))).toEqual({});
  expect(await answersTo(await attemptOf("inside", { source: sourceOf("http://git.inside/acme/inside.git") }))).toEqual(
    {},
  );
  const { runId } = await startRun(deps, planOf({ id: "one" }), { project: "app" });
  expect(await answersTo(await runningAt(deps, { runId, jobId: "one" }))).toEqual({});
});

test("a run without a source of https costs no look at its project", async () => {
  const projects = { ...deps.projects, getProject: () => Promise.reject(new Error("nobody asked for it")) };
  const { grant } = await attemptOf("app", { source: sourceOf("git@github.com:acme/app.git") });
  expect(await offerSourceCredential({ ...deps, projects }, grant)).toBe(grant);
});

test("SECURITY 19: a fork's run gets none, nor does its rerun", async () => {
  for (const project of ["app", "cloned"]) {
    const first = await attemptOf(project, { trigger: { ...PULL, fork: true } });
    expect(await answersTo(first)).toEqual({});
    await completeJob(deps, first.claims, lastWord("failed"));
    const wish = { tenant: "main", runId: first.runId, only: "all", watch: false } as const;
    const { run } = await rerunRun(deps, wish, { principal: "token:x", name: "x" });
    expect(await answersTo(await runningAt(deps, { runId: run.runId, jobId: "one" }))).toEqual({});
    expect([await usesOf(first.runId), await usesOf(run.runId), forge.calls]).toEqual([[], [], []]);
  }
});

test("SECURITY 24: a lease that ran out, was granted again or has ended gives no credential", async () => {
  const { claims, runId } = await attemptOf("app");
  const ref = { tenant: "main", runId, jobId: "one" };
  world.clock.nowMs += LEASE_TTL_MS + 1;
  expect(await answerOf(readSourceCredential(deps, claims))).toBe("stale_lease");
  await expireLease(deps, await jobOf(deps, ref));
  const next = await runningAt(deps, ref, { fence: 1 });
  expect(await answerOf(readSourceCredential(deps, claims))).toBe("stale_lease");
  expect(await readSourceCredential(deps, next.claims)).toEqual(credentialOf(READ_TOKEN));
  await completeJob(deps, next.claims, lastWord());
  expect(await answerOf(readSourceCredential(deps, next.claims))).toBe("stale_lease");
});

test("SECURITY 35: each use is in the audit before it is given, and no value is in the table or the log", async () => {
  const { claims, runId } = await attemptOf("cloned");
  for (let call = 0; call < 3; call += 1) await readSourceCredential(deps, claims);
  expect(await usesOf(runId)).toMatchObject([
    {
      actor: { kind: "runner", id: "rnr_r1", name: "r1" },
      details: { project: "cloned", job: "one", fence: 1, by: "clone_token" },
    },
  ]);
  const full = { ...deps, audit: { ...deps.audit, append: () => Promise.reject(new Error("the table is down")) } };
  await expect(readSourceCredential(full, claims)).rejects.toThrow("the table is down");
  const { Items } = await world.client.send(new ScanCommand({ TableName: TABLE_NAME }));
  expect(JSON.stringify([Items, logged])).not.toMatch(/nobody-may-see/);
});

test("a forge that may answer later is asked again; one that refuses is told, since a public repository needs nothing", async () => {
  const { claims } = await attemptOf("app");
  forge.failing = { error: new ForgeError("GitHub answered 502", { status: 502, retry: true }) };
  expect(await answerOf(readSourceCredential(deps, claims))).toBe("not_ready");
  forge.failing = { error: new ForgeError("GitHub answered 404", { status: 404, retry: false }) };
  expect(await readSourceCredential(deps, claims)).toEqual({ problem: "GitHub answered 404" });
});
