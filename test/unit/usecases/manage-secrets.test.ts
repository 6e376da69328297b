import { beforeEach, describe, expect, test } from "vitest";
import { SECRETS_PER_PROJECT_MAX } from "../../../shared/domain/limits.ts";
import { makeSigner } from "../../../shared/lib/signed-token.ts";
import { bootstrap } from "../../../shared/usecases/bootstrap.ts";
import { issueToken } from "../../../shared/usecases/issue-token.ts";
import {
  hardDeadlineOf,
  isRunnersToken,
  type LeaseClaims,
  signLease,
  signSession,
  verifyLease,
  verifySession,
} from "../../../shared/usecases/lease-token.ts";
import { listSecrets, removeSecret, setSecret } from "../../../shared/usecases/manage-secrets.ts";
import { makeTokenCheck } from "../../../shared/usecases/manage-tokens.ts";
import { jobSecretPath } from "../../../shared/usecases/secret-paths.ts";
import {
  dropOldWebhookSecret,
  readWebhookSecrets,
  rotateWebhookSecret,
} from "../../../shared/usecases/webhook-secrets.ts";
import { makeSweepWorld, type SweepWorld } from "../../support/sweep-world.ts";
import { HOUR_MS } from "../../support/times.ts";
import { sessionOf } from "../../support/world.ts";

/** What is kept under which name, who did it, and what is refused: each by the public use cases. */

const actor = { kind: "token", id: "t1", name: "somebody" } as const;
let world: SweepWorld;
let deps: SweepWorld["deps"];
beforeEach(() => {
  world = makeSweepWorld();
  deps = world.deps;
  world.addProject("app");
});
const audited = () =>
  world.audited.map(({ action, subject, details, actor: by }) => [action, subject, details, by.name]);

describe("a secret of a project", () => {
  test("is listed by name and branch, removed, and every change is in the audit", async () => {
    for (const secret of [
      { name: "B" },
      { name: "A", branch: "release/*" },
      { name: "A" },
      { name: "A", branch: "m*" },
    ])
      await setSecret(deps, "app", { ...secret, value: "v" }, actor);
    const view = (await listSecrets(deps, "app")).map(({ name, branch }) => `${name} ${branch ?? "-"}`);
    expect(view).toEqual(["A -", "A m*", "A release/*", "B -"]);
    await removeSecret(deps, "app", { name: "A", branch: "m*" }, actor);
    await removeSecret(deps, "app", { name: "B" }, actor);
    expect(await listSecrets(deps, "app")).toEqual([
      { name: "A", updatedAtMs: 0 },
      { name: "A", branch: "release/*", updatedAtMs: 0 },
    ]);
    expect(audited()).toEqual([
      ["secret.set", "app", { name: "B" }, "somebody"],
      ["secret.set", "app", { name: "A", branch: "release/*" }, "somebody"],
      ["secret.set", "app", { name: "A" }, "somebody"],
      ["secret.set", "app", { name: "A", branch: "m*" }, "somebody"],
      ["secret.remove", "app", { name: "A", branch: "m*" }, "somebody"],
      ["secret.remove", "app", { name: "B" }, "somebody"],
    ]);
  });

  test("that is not there is not removed, in words of its branch", async () => {
    await setSecret(deps, "app", { name: "A", value: "v" }, actor);
    await expect(removeSecret(deps, "app", { name: "A", branch: "m*" }, actor)).rejects.toMatchObject({
      code: "not_found",
      message: "project app has no secret A for branches m*",
    });
    await expect(removeSecret(deps, "app", { name: "B" }, actor)).rejects.toThrow("project app has no secret B");
    const gone = { ...deps, secrets: { ...deps.secrets, remove: async () => false } };
    await expect(removeSecret(gone, "app", { name: "A" }, actor)).rejects.toThrow("project app has no secret A");
    for (const call of [listSecrets(deps, "other"), setSecret(deps, "other", { name: "A", value: "v" }, actor)])
      await expect(call).rejects.toMatchObject({ code: "not_found" });
  });

  test("of a branch pattern that cannot be is refused, and nothing is kept", async () => {
    for (const branch of ["+(a)", "[", "a//b"])
      await expect(setSecret(deps, "app", { name: "A", branch, value: "v" }, actor)).rejects.toMatchObject({
        code: "bad_request",
        message: expect.stringContaining("the branch pattern "),
      });
    expect(await listSecrets(deps, "app")).toEqual([]);
    expect(audited()).toEqual([]);
  });

  test("is one of a bounded number: one more is refused, an old one gets its new value", async () => {
    for (let at = 0; at < SECRETS_PER_PROJECT_MAX; at += 1)
      await deps.secrets.put(jobSecretPath("app", { name: `S${at}` }), "v");
    await expect(setSecret(deps, "app", { name: "MORE", value: "v" }, actor)).rejects.toMatchObject({
      code: "conflict",
      message: `project app has ${SECRETS_PER_PROJECT_MAX} secrets; ${SECRETS_PER_PROJECT_MAX} are allowed (SECRETS_PER_PROJECT_MAX)`,
    });
    await setSecret(deps, "app", { name: "S7", value: "new" }, actor);
    expect(await deps.secrets.read(jobSecretPath("app", { name: "S7" }))).toBe("new");
    await deps.secrets.remove(jobSecretPath("app", { name: "S0" }));
    await setSecret(deps, "app", { name: "MORE", value: "v" }, actor);
  });
});

test("of a project's webhook secrets the newest two hold, then the newest", async () => {
  const { project } = world.addProject("app");
  let made = 0;
  const counting = { ...deps, random: { ...deps.random, secret: () => `secret ${made++}` } };
  for (let at = 0; at < 4; at += 1) {
    world.clock.nowMs += 1_000;
    await rotateWebhookSecret(counting, project);
  }
  expect((await deps.secrets.list("webhooks/app")).length).toBe(2);
  expect(await readWebhookSecrets(deps.secrets, "app")).toEqual(["secret 3", "secret 2"]);
  const unsorted = {
    ...deps.secrets,
    list: async (folder: string) => [...(await deps.secrets.list(folder))].reverse(),
  };
  await dropOldWebhookSecret({ secrets: unsorted }, "app");
  expect(await readWebhookSecrets(deps.secrets, "app")).toEqual(["secret 3"]);
  const three = new Map([
    ["b", "2"],
    ["c", "3"],
    ["a", "1"],
  ]);
  expect(await readWebhookSecrets({ readAll: async () => three }, "app")).toEqual(["3", "2"]);
});

describe("a token", () => {
  test("is in the audit before it is there, with its pools where it has some", async () => {
    const bound = await issueToken(deps, { name: "bound", scopes: ["runner"], pools: ["gpu"] }, actor);
    const free = await issueToken(deps, { name: "free", scopes: ["read", "run"] }, actor);
    expect(audited()).toEqual([
      ["token.create", bound.view.id, { name: "bound", scopes: ["runner"], pools: ["gpu"] }, "somebody"],
      ["token.create", free.view.id, { name: "free", scopes: ["read", "run"] }, "somebody"],
    ]);
    const lame = { ...deps, audit: { ...deps.audit, append: async () => Promise.reject(new Error("no audit")) } };
    await expect(issueToken(lame, { name: "unseen", scopes: ["read"] }, actor)).rejects.toThrow("no audit");
    expect((await deps.store.listTokens("main")).map(({ name }) => name).toSorted()).toEqual(["bound", "free"]);
  });

  test("is known whole, and by nothing that is like it", async () => {
    const { token, view } = await issueToken(deps, { name: "free", scopes: ["read"] }, actor);
    const check = makeTokenCheck(deps);
    expect(await check(token)).toEqual({ tokenId: view.id, name: "free", scopes: ["read"], pools: undefined });
    const others = [
      ` ${token}`,
      `${token}x`,
      token.slice(0, -1),
      token.replace(/.$/, "x"),
      token.replace("_main_", "_other_"),
    ];
    const unknown = token.replace(view.id, "0".repeat(26));
    for (const other of [...others, unknown, "", "baton_main"]) expect(await check(other), other).toBeUndefined();
    await deps.store.revokeToken("main", view.id, 5, undefined);
    expect(await makeTokenCheck(deps)(token)).toBeUndefined();
  });

  test("of a new deployment is the operator's, beside the key that signs", async () => {
    const made = await bootstrap({ ...deps, addSigningKey: async () => "made" }, { name: "first", scopes: ["admin"] });
    expect(made).toEqual({ token: expect.stringMatching(/^baton_main_/), view: expect.anything(), signingKey: "made" });
    expect(audited()).toEqual([["token.create", made.view.id, { name: "first", scopes: ["admin"] }, "admin function"]]);
    expect(world.audited[0]?.actor).toEqual({ kind: "operator", id: "iam", name: "admin function" });
  });
});

describe("what a runner holds", () => {
  const signer = makeSigner([Buffer.alloc(32, 7)]);
  const path = { runId: "run_1", jobId: "one", fence: 2 };
  const claims: LeaseClaims = { ...path, tenant: "main", claimId: "c", runner: "r1", hardDeadlineMs: 1_000 };
  const lease = signLease(signer, claims);
  const session = signSession(signer, { ...sessionOf("r1"), expiresAtMs: 1_000 });

  test("is known as a runner's, also for an hour after its end, and each as its own kind", () => {
    const tokens = [lease, session, "baton_main_x", `${lease}x`, ""];
    const known = (nowMs: number) => tokens.map((token) => isRunnersToken(signer, token, nowMs));
    for (const nowMs of [0, 1_000, 1_000 + HOUR_MS]) expect(known(nowMs)).toEqual([true, true, false, false, false]);
  });

  test("case A10: an hour after its end is a stranger's: who kept one gets no more room than others", () => {
    for (const token of [lease, session]) expect(isRunnersToken(signer, token, 1_001 + HOUR_MS)).toBe(false);
  });

  test("is no token of the other kind", () => {
    expect(verifySession(signer, lease, 0)).toBeUndefined();
    expect(() => verifyLease(signer, session, path, 0)).toThrow("this lease token was not given for this attempt");
  });

  test("ends: a session at its time, a lease's token after its deadline", () => {
    expect(verifySession(signer, session, 999)).toMatchObject({ name: "r1" });
    expect(verifySession(signer, session, 1_000)).toBeUndefined();
    expect(verifyLease(signer, lease, path, 1_000)).toEqual(claims);
    expect(() => verifyLease(signer, lease, path, 1_001)).toThrow(
      expect.objectContaining({
        code: "stale_lease",
        details: { reason: "lease_expired" },
        message: "this attempt's hard deadline has passed",
      }),
    );
  });

  test("is a lease of exactly this attempt", () => {
    for (const other of [{ runId: "run_2" }, { jobId: "two" }, { fence: 1 }])
      expect(() => verifyLease(signer, lease, { ...path, ...other }, 0)).toThrow(
        expect.objectContaining({ code: "stale_lease", details: { reason: "unknown_lease" } }),
      );
  });

  test("has a deadline by the job's timeout, and by the run's end where that is sooner", () => {
    const overtime = hardDeadlineOf({ timeoutMs: 0, runDeadlineMs: 0 }, 0);
    expect(overtime).toBeGreaterThan(0);
    expect(hardDeadlineOf({ timeoutMs: 5_000, runDeadlineMs: 90_000 }, 1_000)).toBe(6_000 + overtime);
    expect(hardDeadlineOf({ timeoutMs: 500_000, runDeadlineMs: 90_000 }, 1_000)).toBe(90_000 + overtime);
  });
});
