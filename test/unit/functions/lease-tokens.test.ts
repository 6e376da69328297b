import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { LEASE_OVERTIME_MS, LEASE_TTL_MS, SESSION_MS } from "../../../shared/domain/limits.ts";
import { makeSigner } from "../../../shared/lib/signed-token.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { jobKey } from "../../../shared/store/keys.ts";
import { expireLease } from "../../../shared/usecases/end-attempt.ts";
import { signLease, signSession } from "../../../shared/usecases/lease-token.ts";
import { type Call, type HttpWorld, PARAMS, type Request, startHttpWorld } from "../../support/http-world.ts";
import { type Attempt, jobOf, lastWord, planOf, runningAt, startRun, storedItem } from "../../support/scenario.ts";
import { HOUR_MS } from "../../support/times.ts";
import { sessionOf, type World } from "../../support/world.ts";

/** What a runner may do with the tokens of its session and of its lease. */

let world: World;
let deps: FunctionDeps;
let call: Call;
let tokens: HttpWorld["tokens"];

beforeAll(async () => {
  ({ world, deps, call, tokens } = await startHttpWorld());
});
afterAll(() => world.stop());

const leased = (Object.keys(routes) as RouteName[]).filter((name) => routes[name].access === "lease");

describe("a session", () => {
  const claimBody = { claimId: "claim-0000000000000000", fence: 0 };

  test("that is over, or signed by another key, may not claim", async () => {
    const nowMs = world.clock.nowMs;
    const live = { ...sessionOf("r1"), expiresAtMs: nowMs + SESSION_MS };
    const over = signSession(deps.signer, { ...live, expiresAtMs: nowMs });
    const forged = signSession(makeSigner([Buffer.alloc(32, 9)]), live);
    const [head, mac] = signSession(deps.signer, live).split(".");
    const widened = Buffer.from(JSON.stringify({ ...live, pools: ["gpu"] })).toString("base64url");
    for (const token of [over, forged, `bs_${widened}.${mac}`, String(head)])
      expect((await call("claim", { token, params: PARAMS, body: claimBody })).status).toBe(401);
  });

  test("learns of a job of another run that it is gone", async () => {
    const [here, there] = [await startRun(deps, planOf({ id: "one" })), await startRun(deps, planOf({ id: "two" }))];
    const token = signSession(deps.signer, sessionOf("r1"));
    const params = { run: here.runId, job: "two" };
    expect((await call("claim", { token, params, body: claimBody })).status).toBe(410);
    expect((await call("getJob", { token: tokens.read, params })).status).toBe(404);
    expect((await call("getLog", { token: tokens.read, params })).status).toBe(404);
    expect((await jobOf(deps, { runId: there.runId, jobId: "two" })).state).toBe("queued");
  });

  test("for a pool that does not exist is not opened", async () => {
    const body = { name: "r1", pools: ["nowhere"], slots: 1 };
    expect((await call("openSession", { token: tokens.runner, body })).status).toBe(400);
  });
});

describe("SECURITY 24: a lease token", () => {
  const bodies: Partial<Record<RouteName, unknown>> = {
    heartbeat: { phase: "running", step: 0, logBytes: 0 },
    uploads: { files: [{ kind: "log", seq: 0, bytes: 1, sha256: "a".repeat(64) }] },
    complete: lastWord(),
    release: { reason: "drain" },
    cancelAck: {},
  };

  async function attempt(): Promise<Attempt & { params: Record<string, string>; ref: Parameters<typeof jobKey>[0] }> {
    const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two" }));
    const running = await runningAt(deps, { runId, jobId: "one" });
    return {
      ...running,
      ref: { tenant: "main", runId, jobId: "one" },
      params: { run: runId, job: "one", fence: String(running.grant.fence) },
    };
  }

  /** The call is refused as stale, and the job is what it was, to the byte. */
  async function expectStale(name: RouteName, ref: Parameters<typeof jobKey>[0], request: Request): Promise<void> {
    const before = await storedItem(world, jobKey(ref));
    const { status, body } = await call(name, { body: bodies[name], ...request });
    expect([status, body.code]).toEqual([409, "stale_lease"]);
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  }

  test.each(leased)("%s accepts the one that was granted for this attempt", async (name) => {
    const { grant, params } = await attempt();
    const { status } = await call(name, { token: grant.leaseToken, params, body: bodies[name] });
    expect(status).toBe(name === "cancelAck" ? 409 : 200);
  });

  test.each(leased)("%s refuses one of an older fence, and nothing changes", async (name) => {
    const { grant, params, ref } = await attempt();
    world.clock.nowMs += LEASE_TTL_MS + 1;
    await expireLease(deps, await jobOf(deps, ref));
    await runningAt(deps, ref, { fence: 1 });
    await expectStale(name, ref, { token: grant.leaseToken, params: { ...params, fence: "2" } });
    // Its own path: a word that its processes are gone is heard, and changes nothing either.
    const before = await storedItem(world, jobKey(ref));
    const { status } = await call(name, { token: grant.leaseToken, params, body: bodies[name] });
    expect(status).toBe(name === "release" || name === "cancelAck" ? 200 : 409);
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });

  test.each(leased)("%s refuses one past its hard deadline, and nothing changes", async (name) => {
    const { grant, params, ref } = await attempt();
    world.clock.nowMs += HOUR_MS + LEASE_OVERTIME_MS + 1;
    await expectStale(name, ref, { token: grant.leaseToken, params });
  });

  test.each(leased)("%s refuses a forged one, and one of another job, run or kind", async (name) => {
    const { grant, claims, params, ref } = await attempt();
    const other = await attempt();
    const two = await runningAt(deps, { runId: ref.runId, jobId: "two" });
    const [body = ""] = grant.leaseToken.slice(3).split(".");
    const strangers = [
      signLease(makeSigner([Buffer.alloc(32, 9)]), claims),
      `bl_${body}.${other.grant.leaseToken.split(".")[1]}`,
      `bs_${grant.leaseToken.slice(3)}`,
      other.grant.leaseToken,
      two.grant.leaseToken,
      signSession(deps.signer, sessionOf("r1")),
      tokens.admin,
      "bl_",
      "bl_e30.e30",
    ];
    for (const token of strangers) await expectStale(name, ref, { token, params });
  });

  test.each(leased)("%s refuses one whose job has ended, and nothing changes", async (name) => {
    const { grant, params, ref } = await attempt();
    expect((await call("complete", { token: grant.leaseToken, params, body: lastWord() })).status).toBe(200);
    const before = await storedItem(world, jobKey(ref));
    const { status } = await call(name, { token: grant.leaseToken, params, body: bodies[name] });
    // A last word is acknowledged again; nothing else is heard.
    expect(status).toBe(["complete", "release", "cancelAck"].includes(name) ? 200 : 409);
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });
});
