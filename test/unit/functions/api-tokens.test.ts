import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { TABLE_NAME } from "../../../localstack/names.ts";
import { BODY_BYTES_MAX, TOKEN_CACHE_MS } from "../../../shared/domain/limits.ts";
import type { Route } from "../../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { SCOPES } from "../../../shared/protocol/tokens.ts";
import { signSession } from "../../../shared/usecases/lease-token.ts";
import { createToken } from "../../../shared/usecases/manage-tokens.ts";
import { type Call, callApi, type HttpWorld, PARAMS, type Request, startHttpWorld } from "../../support/http-world.ts";
import { jobOf, planOf, startRun } from "../../support/scenario.ts";
import { sessionOf, type World } from "../../support/world.ts";

/** Who may call what, of every route. */

let world: World;
let deps: FunctionDeps;
let call: Call;
let tokens: HttpWorld["tokens"];

beforeAll(async () => {
  ({ world, deps, call, tokens } = await startHttpWorld());
});
afterAll(() => world.stop());

const everyRoute = Object.entries(routes) as [RouteName, Route][];
const guarded = everyRoute.filter(([, route]) => route.access !== "open");
const scoped = guarded.filter(([, route]) => route.access !== "lease" && route.access !== "session");

describe("SECURITY 6: a route", () => {
  test.each(guarded)("%s without a token is refused with 401", async (name) => {
    const { status, body } = await call(name, { params: PARAMS });
    expect([status, body.code]).toEqual([401, "unauthorized"]);
  });

  test.each(guarded)("%s is refused without a token even where the body is no good", async (name) => {
    expect((await call(name, { params: PARAMS, body: "{" })).status).toBe(401);
    expect((await call(name, { params: PARAMS, body: "x".repeat(BODY_BYTES_MAX + 1) })).status).toBe(401);
  });

  test("health and webhooks alone ask for no token, and a webhook for a signature", async () => {
    const open = everyRoute.filter(([, route]) => route.access === "open").map(([name]) => name);
    expect(open).toEqual(["health", "githubWebhook"]);
    expect((await call("health")).status).toBe(200);
    expect((await call("githubWebhook", { params: { project: "default" }, body: {} })).status).toBe(401);
  });
});

describe("SECURITY 25: an API token", () => {
  const wrong = (token: string) => token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");

  test.each(scoped)("%s refuses a wrong one with 401", async (name) => {
    const made = tokens.admin;
    for (const token of [wrong(made), made.slice(0, -1), `${made}x`, "baton_main", made.replace("_main_", "_other_")])
      expect((await call(name, { token, params: PARAMS })).status, token.slice(0, 20)).toBe(401);
  });

  test.each(scoped)("%s refuses one of another scope with 403", async (name, route) => {
    for (const scope of SCOPES.filter((one) => one !== route.access && one !== "admin"))
      expect((await call(name, { token: tokens[scope], params: PARAMS })).status, scope).toBe(403);
  });

  test.each(guarded)("%s refuses what is no token of its kind", async (name, route) => {
    const session = signSession(deps.signer, sessionOf("r1"));
    const strangers = route.access === "session" ? [tokens.admin] : [session];
    for (const token of strangers) expect([401, 409]).toContain((await call(name, { token, params: PARAMS })).status);
  });

  test("SECURITY 19: that is bound to no pool opens none of the pool for forks", async () => {
    const body = { name: "host", pools: ["default", "forks"], slots: 1 };
    expect(await call("openSession", { token: tokens.runner, body })).toMatchObject({
      status: 403,
      body: { code: "forbidden", message: expect.stringContaining("--pool forks") },
    });
  });

  test("SECURITY 19: that is bound to pools opens sessions of no other", async () => {
    const bound = { name: "forks", scopes: ["runner"], pools: ["default"] };
    const made = await call("createToken", { token: tokens.admin, body: bound });
    expect(made).toMatchObject({ status: 201, body: { view: { pools: ["default"] } } });
    const token = String(made.body["token"]);
    const sessionOfPools = (...pools: string[]) =>
      call("openSession", { token, body: { name: "host", pools, slots: 1 } });
    expect((await sessionOfPools("default")).status).toBe(201);
    expect(await sessionOfPools("default", "gpu")).toMatchObject({ status: 403, body: { code: "forbidden" } });
    for (const scopes of [["read"], ["runner", "admin"]]) {
      const body = { name: "odd", scopes, pools: ["default"] };
      expect((await call("createToken", { token: tokens.admin, body })).status, String(scopes)).toBe(400);
    }
  });

  test("case T1, SECURITY 19: that is bound to other pools does not open the pool for forks", async () => {
    const tokenFor = async (...pools: string[]) => {
      const made = await call("createToken", { token: tokens.admin, body: { name: "b", scopes: ["runner"], pools } });
      return String(made.body["token"]);
    };
    const open = async (token: string, ...pools: string[]) =>
      (await call("openSession", { token, body: { name: "host", pools, slots: 1 } })).status;
    const trusted = await tokenFor("default");
    expect(await open(trusted, "forks")).toBe(403);
    expect(await open(trusted, "default", "forks")).toBe(403);
    const untrusted = await tokenFor("forks");
    expect(await open(untrusted, "forks")).toBe(201);
    expect(await open(untrusted, "default")).toBe(403);
    expect(await open(untrusted, "forks", "default")).toBe(403);
  });

  test("works until it is revoked, and no longer than the cache's time after", async () => {
    const { token, view } = await createToken(deps, { name: "short", scopes: ["read"] });
    expect((await call("listRuns", { token })).status).toBe(200);
    expect((await call("revokeToken", { token: tokens.admin, params: { token: view.id } })).status).toBe(200);
    world.clock.nowMs += TOKEN_CACHE_MS;
    expect((await call("listRuns", { token })).status).toBe(401);
    expect((await call("revokeToken", { token: tokens.admin, params: { token: view.id } })).status).toBe(200);
    expect((await call("revokeToken", { token: tokens.admin, params: { token: "unknown" } })).status).toBe(404);
  });

  test("SECURITY 25: case A9: of the last administrator is not revoked, not even by itself; any before it is", async () => {
    const own = await startHttpWorld();
    const { view } = await createToken(own.deps, { name: "second", scopes: ["admin"] });
    const tokensNow = (await own.call("listTokens", { token: own.tokens.admin })).body["tokens"] as {
      id: string;
      name: string;
      scopes: string[];
    }[];
    const first = tokensNow.filter(({ id, scopes }) => scopes.includes("admin") && id !== view.id);
    for (const { id } of first.slice(1)) await own.deps.store.revokeToken("main", id, own.world.clock.nowMs);
    const ask = (id: string) => own.call("revokeToken", { token: own.tokens.admin, params: { token: id } });
    expect((await ask(view.id)).status).toBe(200);
    const refused = await ask(first[0]?.id ?? "");
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(refused.body.message).toContain(
      "is the last token with the scope admin that is not revoked: make another first",
    );
    expect((await own.call("listTokens", { token: own.tokens.admin })).status).toBe(200);
    // What is revoked already stays so, and is no last one.
    expect((await ask(view.id)).status).toBe(200);
    await own.world.stop();
  });

  test("has 256 bits, and only its hash is in the table", async () => {
    const made = await call("createToken", { token: tokens.admin, body: { name: "kept", scopes: ["run"] } });
    const secret = String(made.body["token"]).split("_").slice(3).join("_");
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    const listed = await call("listTokens", { token: tokens.admin });
    const { Items = [] } = await world.client.send(new ScanCommand({ TableName: TABLE_NAME }));
    const stored = JSON.stringify([Items, listed.body]);
    expect(stored).toContain('"kept"');
    for (const all of [secret, ...Object.values(tokens).map((token) => token.slice(-43))])
      expect(stored).not.toContain(all);
    expect(JSON.stringify(listed.body)).not.toContain("hash");
  });

  test("of admin may do everything that a scope may", async () => {
    for (const [name] of scoped)
      expect([401, 403], name).not.toContain((await call(name, { token: tokens.admin, params: PARAMS })).status);
  });
});

test("SECURITY 35: a token, a cancel and an approval that cannot be written to the audit do not happen", async () => {
  const full = { ...deps, audit: { ...deps.audit, append: () => Promise.reject(new Error("the table is full")) } };
  const ask = async (name: RouteName, request: Request) =>
    (await callApi(full, name, { token: tokens.admin, ...request })).status;
  expect(await ask("createToken", { body: { name: "unaudited", scopes: ["read"] } })).toBe(500);
  const { body } = await call("listTokens", { token: tokens.admin });
  expect(JSON.stringify(body)).not.toContain("unaudited");
  const { runId } = await startRun(world.deps, planOf({ id: "one" }));
  const params = { run: runId };
  expect(await ask("cancelRun", { params, body: {} })).toBe(500);
  expect((await jobOf(world.deps, { runId, jobId: "one" })).state).toBe("queued");
  // Nothing is to be approved: it was not asked so far.
  expect(await ask("approveRun", { params, body: { sha: "a".repeat(40) } })).toBe(500);
});
