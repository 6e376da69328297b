import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { identifyAtSts } from "../../functions/host-check.ts";
import { signProof } from "../../runner/ec2/sign-proof.ts";
import { HOST_PROOF_MS } from "../../shared/domain/limits.ts";
import { type HostProof, tokenOfProof } from "../../shared/protocol/host-proof.ts";
import { readAudit } from "../../shared/usecases/audit.ts";
import { verifySession } from "../../shared/usecases/lease-token.ts";
import { AUDIENCE, CALLERS, type HostWorld, INSTANCE, REGION, startHostWorld } from "../support/host-world.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";

/** How an instance of the fleet opens a session: by a request to STS that its own credentials signed. */

let hosts: HostWorld;
beforeAll(async () => {
  hosts = await startHostWorld();
});
afterAll(() => hosts.stop());
// Two proofs of one instance in one second are one proof.
beforeEach(() => {
  hosts.world.clock.nowMs += 1_000;
  hosts.sts.heard.length = 0;
});

describe("case A6, SECURITY 23: a host's proof", () => {
  test("opens one session of one job, of its role's pools, under the instance's id", async () => {
    const { status, body } = await hosts.open(hosts.proof());
    expect(status).toBe(201);
    const session = verifySession(hosts.deps.signer, String(body["sessionToken"]), hosts.world.clock.nowMs);
    expect(session).toMatchObject({ name: INSTANCE, pools: ["default"], ephemeral: true });
    const { entries } = await readAudit(hosts.deps, { limit: 200 });
    expect(entries.find(({ subject }) => subject === session?.runnerId)).toMatchObject({
      action: "session.open",
      actor: { kind: "host", id: "arn:aws:iam::123456789012:role/baton/fleet-host", name: INSTANCE },
    });
  });

  test("is spent by it: sent again, it opens none, and the next one does", async () => {
    const proof = hosts.proof();
    expect((await hosts.open(proof)).status).toBe(201);
    expect(await hosts.open(proof)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    hosts.world.clock.nowMs += 1_000;
    expect((await hosts.open(hosts.proof())).status).toBe(201);
  });

  test.each<[string, object]>([
    ["another instance's name", { name: "i-0fedcba9876543210" }],
    ["more than one job", { ephemeral: false }],
    ["more than one slot", { slots: 2 }],
    ["a pool that is not its role's", { pools: ["gpu"] }],
    ["a second pool that is not", { pools: ["default", "gpu"] }],
    ["the pool for forks", { pools: ["forks"] }],
  ])("opens no session of %s", async (_what, change) => {
    expect(await hosts.open(hosts.proof(), change)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("is of the pool's own instance: another instance of the role opens one under its own name", async () => {
    expect((await hosts.open(hosts.proof(CALLERS.other), { name: "i-0fedcba9876543210" })).status).toBe(201);
    hosts.world.clock.nowMs += 1_000;
    expect((await hosts.open(hosts.proof(CALLERS.other))).status).toBe(403);
  });

  test("opens nothing but sessions", async () => {
    for (const name of ["listTokens", "listRuns", "status", "createRun"] as const)
      expect((await hosts.call(name, { token: tokenOfProof(hosts.proof()) })).status, name).toBe(401);
  });
});

const { host } = CALLERS;
const changed = (change: Partial<HostProof>) => () => ({ ...hosts.proof(), ...change });

describe("case A6: STS knows who signed, and refused is", () => {
  test.each<[string, () => HostProof]>([
    ["another account", () => hosts.proof(CALLERS.otherAccount)],
    ["another partition", () => hosts.proof(CALLERS.otherPartition)],
    ["another role", () => hosts.proof(CALLERS.otherRole)],
    ["a session of the role that no instance has", () => hosts.proof(CALLERS.person)],
    ["a user", () => hosts.proof(CALLERS.user)],
    ["a caller whom STS does not know", () => hosts.proof({ ...host, accessKeyId: "ASIAUNKNOWNUNKNOWN00" })],
    ["a secret that is guessed", () => hosts.proof({ ...host, secretAccessKey: "guess" })],
    ["a session token of somebody else", changed({ sessionToken: CALLERS.other.sessionToken })],
    ["a proof for another control plane", () => hosts.proof(host, { audience: "evil.example.com" })],
    ["a proof for no control plane: the header is missing", () => hosts.proof(host, { audience: "" })],
    ["a proof for another region", () => hosts.proof(host, { region: "us-east-1" })],
    ["a proof for another host", () => hosts.proof(host, { stsHost: "sts.amazonaws.com@evil.example.com" })],
    ["another signature", changed({ signature: "0".repeat(64) })],
  ])("%s", async (_what, proof) => {
    expect(await hosts.open(proof())).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect(hosts.sts.heard).toHaveLength(1);
  });

  test.each<[string, number]>([
    ["old", -HOST_PROOF_MS - 1_000],
    ["of tomorrow", 24 * 3_600_000],
    ["of two minutes ahead", 2 * HOST_PROOF_MS],
  ])("a proof that is %s, and STS is not asked", async (_what, byMs) => {
    const proof = hosts.proof(host, { atMs: hosts.world.clock.nowMs + byMs });
    expect(await hosts.open(proof)).toMatchObject({ status: 401, body: { message: expect.stringContaining("60 s") } });
    expect(hosts.sts.heard).toHaveLength(0);
  });

  test.each<[string, () => string]>([
    ["a presigned URL as other systems take it", () => encoded(`${hosts.sts.url}/?Action=GetCallerIdentity`)],
    ["a URL beside the proof", () => encoded({ ...hosts.proof(), url: "https://evil.example.com/" })],
    ["another action", () => encoded({ ...hosts.proof(), action: "AssumeRole" })],
    ["a longer time to live", () => encoded({ ...hosts.proof(), expires: 604_800 })],
    ["a parameter in the token", () => encoded({ ...hosts.proof(), sessionToken: "a&Action=AssumeRole b" })],
    ["a parameter in the key's name", () => encoded({ ...hosts.proof(), accessKeyId: `${host.accessKeyId}&Action=x` })],
    [
      "its signature in capitals",
      () => encoded({ ...hosts.proof(), signature: hosts.proof().signature.toUpperCase() }),
    ],
    ["no session token, as of a user's key", () => encoded({ ...hosts.proof(), sessionToken: "" })],
    ["a day that is none", () => encoded({ ...hosts.proof(), amzDate: "20261341T256199Z" })],
    ["one that is too long", () => encoded({ ...hosts.proof(), sessionToken: "x".repeat(9_000) })],
    ["no JSON", () => "baton-host-v1.e30x"],
    ["nothing", () => "baton-host-v1."],
  ])("%s, and nobody is asked", async (_what, token) => {
    expect(await hosts.open(token())).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect(hosts.sts.heard).toHaveLength(0);
  });

  test("SECURITY 33: an & in what is sent stays what it is: STS hears one action", async () => {
    await hosts.open(changed({ sessionToken: "a&Action=AssumeRole&x=y#z" })());
    const [asked] = hosts.sts.heard;
    const query = new URL(asked?.path ?? "", hosts.sts.url).searchParams;
    expect(query.getAll("Action")).toEqual(["GetCallerIdentity"]);
    expect([...query.keys()]).toHaveLength(9);
    expect(asked).toMatchObject({ method: "GET", body: "", headers: { "x-baton-server": AUDIENCE } });
  });
});

const encoded = (value: unknown) => `baton-host-v1.${Buffer.from(JSON.stringify(value)).toString("base64url")}`;

describe("case A6: an STS that", () => {
  let odd: HttpRecorder | undefined;
  const identify = async (status: number, body: string, headers: Record<string, string> = {}) => {
    odd = await startHttpRecorder(() => ({ status, body, headers }));
    const place = { region: REGION, audience: AUDIENCE, stsHost: new URL(odd.url).host };
    const proof = signProof(host, place, hosts.world.clock.nowMs);
    return identifyAtSts({ endpoint: odd.url, region: REGION, audience: AUDIENCE })(proof).finally(() => odd?.stop());
  };

  test.each<[string, number, string]>([
    ["throttles", 400, "<Error><Code>Throttling</Code></Error>"],
    ["is down", 503, ""],
    ["answers without end", 200, "x".repeat(20_000)],
  ])("%s refuses nobody: the host tries again", async (_what, status, body) => {
    await expect(identify(status, body)).rejects.toMatchObject({ code: "not_ready" });
  });

  test("SECURITY 33: redirects is not followed", async () => {
    await expect(identify(302, "", { location: `${hosts.sts.url}/` })).rejects.toMatchObject({ code: "not_ready" });
    expect(hosts.sts.heard).toHaveLength(0);
  });

  test("names two callers, or none, names nobody", async () => {
    await expect(identify(200, `<Arn>${host.arn}</Arn><Arn>${host.arn}</Arn>`)).rejects.toThrow("no caller's identity");
    expect(await identify(200, "<Arn></Arn>")).toBe("");
    await expect(identify(200, "<html>")).rejects.toThrow("no caller's identity");
  });
});

test("case A6: a control plane that takes no proofs says so, and takes tokens as ever", async () => {
  const { startHttpWorld } = await import("../support/http-world.ts");
  const { call, tokens, world } = await startHttpWorld();
  const body = { name: INSTANCE, pools: ["default"], slots: 1, ephemeral: true };
  expect(await call("openSession", { token: tokenOfProof(hosts.proof()), body })).toMatchObject({
    status: 401,
    body: { message: expect.stringContaining("BATON_HOST_ROLES") },
  });
  expect((await call("openSession", { token: tokens.runner, body })).status).toBe(201);
  await world.stop();
});
