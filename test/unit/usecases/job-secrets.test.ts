import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TABLE_NAME } from "../../../localstack/names.ts";
import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import type { RunTrigger } from "../../../shared/protocol/triggers.ts";
import { readAudit } from "../../../shared/usecases/audit.ts";
import type { RunSeed } from "../../../shared/usecases/births.ts";
import { completeJob, expireLease } from "../../../shared/usecases/end-attempt.ts";
import { readJobSecrets } from "../../../shared/usecases/read-job-secrets.ts";
import { rerunRun } from "../../../shared/usecases/rerun-run.ts";
import { jobSecretPath } from "../../../shared/usecases/secret-paths.ts";
import { answerOf, jobOf, lastWord, planOf, runningAt, startRun } from "../../support/scenario.ts";
import { startWorld, type World } from "../../support/world.ts";

/** The secrets route's use case, on the real engine. */

const SHA = "a".repeat(40);
const VALUE = "value-that-nobody-may-see";
const PULL: RunTrigger = {
  event: "pull_request",
  via: "webhook",
  occurredAtMs: 0,
  branch: "main",
  number: 7,
  base: { branch: "main", sha: SHA },
  fork: true,
};

let world: World;
let deps: World["deps"];
const logged: unknown[] = [];
beforeAll(async () => {
  world = await startWorld();
  const say = (...words: unknown[]) => void logged.push(words);
  deps = { ...world.deps, log: { info: say, warn: say } };
});
beforeEach(() => {
  world.secrets.clear();
  keep("KEY", VALUE);
  keep("KEY", "on-main", "main");
  keep("UNASKED", "not asked for");
});
afterAll(() => world.stop());

const keep = (name: string, value: string, branch?: string) =>
  void world.secrets.set(jobSecretPath("default", { name, branch }), value);

async function attemptOf(change: Partial<RunSeed> = {}) {
  const { runId } = await startRun(deps, planOf({ id: "one", secrets: ["KEY", "MISSING"] }), change);
  return { runId, ...(await runningAt(deps, { runId, jobId: "one" })) };
}
const source = (branch: string) => ({ kind: "git" as const, url: "https://example.com/r.git", sha: SHA, branch });
const usesOf = async (runId: string) => {
  const { entries } = await readAudit(deps, { limit: 200 });
  return entries.filter(({ action, subject }) => action === "secret.use" && subject === runId);
};

test("the holder gets the names that its job asked for and its project has, by its branch", async () => {
  expect(await readJobSecrets(deps, (await attemptOf()).claims)).toEqual({ values: { KEY: VALUE } });
  const onMain = await attemptOf({ source: source("main") });
  expect(await readJobSecrets(deps, onMain.claims)).toEqual({ values: { KEY: "on-main" } });
  const elsewhere = await attemptOf({ project: "other" });
  expect(await readJobSecrets(deps, elsewhere.claims)).toEqual({ values: {} });
});

test("the event's branch counts, and a tag that is called like a branch is none", async () => {
  const { fork: _, base: __, number: ___, ...pushed } = PULL;
  const push: RunTrigger = { ...pushed, event: "push", fork: false, branch: "other" };
  const other = await attemptOf({ source: source("main"), trigger: push });
  expect((await readJobSecrets(deps, other.claims)).values["KEY"]).toBe(VALUE);
  const tag: RunTrigger = { event: "tag", via: "webhook", occurredAtMs: 0, tag: "main", fork: false };
  const tagged = await attemptOf({ source: source("main"), trigger: tag });
  expect((await readJobSecrets(deps, tagged.claims)).values["KEY"]).toBe(VALUE);
});

test("SECURITY 19: a fork's run gets none, its grant names none, and neither do those of its rerun", async () => {
  const { grant, claims, runId } = await attemptOf({ source: source("main"), trigger: PULL });
  expect([grant.secrets, grant.secretsWithheld]).toEqual([[], "fork"]);
  expect(await readJobSecrets(deps, claims)).toEqual({ values: {}, withheld: "fork" });
  expect(await usesOf(runId)).toEqual([]);
  await completeJob(deps, claims, lastWord("failed"));
  const again = await rerunRun(
    deps,
    { tenant: "main", runId, only: "all", watch: false },
    { principal: "token:x", name: "x" },
  );
  const second = await runningAt(deps, { runId: again.run.runId, jobId: "one" });
  expect([second.grant.secrets, second.grant.secretsWithheld]).toEqual([[], "fork"]);
  expect(await readJobSecrets(deps, second.claims)).toEqual({ values: {}, withheld: "fork" });
});

test("SECURITY 24: a lease that ran out, was granted again or has ended gives no secret", async () => {
  const { claims, runId } = await attemptOf();
  const ref = { tenant: "main", runId, jobId: "one" };
  world.clock.nowMs += LEASE_TTL_MS + 1;
  expect(await answerOf(readJobSecrets(deps, claims))).toBe("stale_lease");
  await expireLease(deps, await jobOf(deps, ref));
  const next = await runningAt(deps, ref, { fence: 1 });
  expect(await answerOf(readJobSecrets(deps, claims))).toBe("stale_lease");
  expect((await readJobSecrets(deps, next.claims)).values["KEY"]).toBe(VALUE);
  await completeJob(deps, next.claims, lastWord());
  expect(await answerOf(readJobSecrets(deps, next.claims))).toBe("stale_lease");
});

test("SECURITY 35: each use is in the audit with names, run, job and fence, and no value is in the table or the log", async () => {
  const { claims, runId } = await attemptOf();
  await readJobSecrets(deps, claims);
  expect(await usesOf(runId)).toMatchObject([
    {
      actor: { kind: "runner", id: "rnr_r1", name: "r1" },
      details: { project: "default", job: "one", fence: 1, names: ["KEY"] },
    },
  ]);
  const { Items } = await world.client.send(new ScanCommand({ TableName: TABLE_NAME }));
  expect(JSON.stringify([Items, logged])).not.toMatch(/value-that|on-main/);
  expect(JSON.stringify(logged)).toContain('"KEY"');
});

test("SECURITY 35: a use that is repeated is in the audit once, another attempt's and other names again", async () => {
  const { claims, runId } = await attemptOf();
  for (let call = 0; call < 5; call += 1) {
    expect((await readJobSecrets(deps, claims)).values).toEqual({ KEY: VALUE });
    world.clock.nowMs += 1_000;
  }
  expect(await usesOf(runId)).toHaveLength(1);
  keep("MISSING", "set meanwhile");
  await readJobSecrets(deps, claims);
  world.clock.nowMs += LEASE_TTL_MS + 1;
  const ref = { tenant: "main", runId, jobId: "one" };
  await expireLease(deps, await jobOf(deps, ref));
  await readJobSecrets(deps, (await runningAt(deps, ref, { fence: 1 })).claims);
  const uses = (await usesOf(runId)).map(({ details }) => `${details["fence"]} ${details["names"]}`);
  expect(uses.sort()).toEqual(["1 KEY", "1 KEY,MISSING", "2 KEY,MISSING"]);
});

test("SECURITY 35: a use that cannot be written down does not happen", async () => {
  const { claims } = await attemptOf();
  const full = { ...deps, audit: { ...deps.audit, append: () => Promise.reject(new Error("the table is down")) } };
  await expect(readJobSecrets(full, claims)).rejects.toThrow("the table is down");
});
