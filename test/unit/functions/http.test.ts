import { randomBytes } from "node:crypto";
import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { apiRoutes } from "../../../functions/http/api-routes.ts";
import { httpLambda } from "../../../functions/http/http-lambda.ts";
import { leaseRoutes } from "../../../functions/http/lease-routes.ts";
import { webhookRoutes } from "../../../functions/http/webhook-routes.ts";
import { TABLE_NAME } from "../../../localstack/names.ts";
import {
  BODY_BYTES_MAX,
  LEASE_OVERTIME_MS,
  LEASE_TTL_MS,
  LOG_INDEX_BYTES_MAX,
  PAGE_JOBS_MAX,
  SESSION_MS,
  TOKEN_CACHE_MS,
} from "../../../shared/domain/limits.ts";
import { makeSigner } from "../../../shared/lib/signed-token.ts";
import type { Route } from "../../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { SCOPES } from "../../../shared/protocol/tokens.ts";
import { jobKey } from "../../../shared/store/keys.ts";
import { expireLease } from "../../../shared/usecases/end-attempt.ts";
import { signLease, signSession } from "../../../shared/usecases/lease-token.ts";
import { createToken } from "../../../shared/usecases/manage-tokens.ts";
import { type Attempt, jobOf, lastWord, planOf, runningAt, startRun, storedItem } from "../../support/scenario.ts";
import { HOUR_MS } from "../../support/times.ts";
import { sessionOf, startWorld, type World } from "../../support/world.ts";

/** The handlers as API Gateway calls them, on the real engine. */

let world: World;
let deps: FunctionDeps;
let call: (name: RouteName, request?: Request) => Promise<Answer>;
const tokens: Record<string, string> = {};

interface Request {
  readonly token?: string | undefined;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Answer {
  readonly status: number;
  readonly body: z.infer<typeof replyBody>;
}

const logged: unknown[] = [];

beforeAll(async () => {
  world = await startWorld();
  deps = functionDeps(world);
  const handlers = {
    api: httpLambda<"api">(deps, apiRoutes(deps)),
    lease: httpLambda<"lease">(deps, leaseRoutes(deps)),
    webhook: httpLambda<"webhook">(deps, webhookRoutes(deps)),
    status: httpLambda<"status">(deps, {
      status: async () => {
        throw new Error("nobody who may asks it here");
      },
    }),
  };
  call = async (name, request = {}) => {
    const route = routes[name];
    const answer = await handlers[route.handler](eventOf(route, request), {} as Context);
    return parsed(answer);
  };
  for (const scope of SCOPES) tokens[scope] = (await createToken(deps, { name: scope, scopes: [scope] })).token;
});
afterAll(() => world.stop());

function functionDeps({ deps: inner }: World): FunctionDeps {
  const observer = {
    log: { ...inner.log, error: (message: string, error: unknown) => void logged.push(message, error) },
    metrics: inner.metrics,
    flush: () => undefined,
    prometheus: async () => "# nothing",
    registry: new Registry(),
  };
  const random = { ...inner.random, secret: () => randomBytes(32).toString("base64url") };
  return { ...inner, random, observer, meter: () => undefined, environment: {} as FunctionDeps["environment"] };
}

function eventOf(
  route: Route,
  { token, params = {}, query = {}, body, headers = {} }: Request,
): APIGatewayProxyEventV2 {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    version: "2.0",
    routeKey: `${route.method} ${route.path}`,
    rawPath: route.path,
    rawQueryString: "",
    headers: { ...authorization, ...headers },
    pathParameters: { ...params },
    queryStringParameters: { ...query },
    isBase64Encoded: false,
    ...(text === undefined ? {} : { body: text }),
    requestContext: { requestId: "request-1" },
  } as unknown as APIGatewayProxyEventV2;
}

const replyBody = z.looseObject({ code: z.string().optional(), message: z.string().optional() });

function parsed({ statusCode, body = "" }: APIGatewayProxyStructuredResultV2): Answer {
  return { status: statusCode ?? 0, body: replyBody.parse(body.startsWith("{") ? JSON.parse(body) : { text: body }) };
}

const RUN = "run_00000000000000000000000000";
const PARAMS = {
  run: RUN,
  job: "one",
  fence: "1",
  token: "abc",
  pool: "default",
  project: "default",
  name: "NAME",
  delivery: "d-1",
};
const everyRoute = Object.entries(routes) as [RouteName, Route][];
const guarded = everyRoute.filter(([, route]) => route.access !== "open");
const scoped = guarded.filter(([, route]) => route.access !== "lease" && route.access !== "session");
const leased = guarded.filter(([, route]) => route.access === "lease");

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
    const made = String(tokens["admin"]);
    for (const token of [wrong(made), made.slice(0, -1), `${made}x`, "baton_main", made.replace("_main_", "_other_")])
      expect((await call(name, { token, params: PARAMS })).status, token.slice(0, 20)).toBe(401);
  });

  test.each(scoped)("%s refuses one of another scope with 403", async (name, route) => {
    for (const scope of SCOPES.filter((one) => one !== route.access && one !== "admin"))
      expect((await call(name, { token: tokens[scope], params: PARAMS })).status, scope).toBe(403);
  });

  test.each(guarded)("%s refuses what is no token of its kind", async (name, route) => {
    const session = signSession(deps.signer, sessionOf("r1"));
    const strangers = route.access === "session" ? [tokens["admin"]] : [session];
    for (const token of strangers) expect([401, 409]).toContain((await call(name, { token, params: PARAMS })).status);
  });

  test("SECURITY 19: that is bound to no pool opens none of the pool for forks", async () => {
    const body = { name: "host", pools: ["default", "forks"], slots: 1 };
    expect(await call("openSession", { token: tokens["runner"], body })).toMatchObject({
      status: 403,
      body: { code: "forbidden", message: expect.stringContaining("--pool forks") },
    });
  });

  test("SECURITY 19: that is bound to pools opens sessions of no other", async () => {
    const bound = { name: "forks", scopes: ["runner"], pools: ["default"] };
    const made = await call("createToken", { token: tokens["admin"], body: bound });
    expect(made).toMatchObject({ status: 201, body: { view: { pools: ["default"] } } });
    const token = String(made.body["token"]);
    const sessionOfPools = (...pools: string[]) =>
      call("openSession", { token, body: { name: "host", pools, slots: 1 } });
    expect((await sessionOfPools("default")).status).toBe(201);
    expect(await sessionOfPools("default", "gpu")).toMatchObject({ status: 403, body: { code: "forbidden" } });
    for (const scopes of [["read"], ["runner", "admin"]]) {
      const body = { name: "odd", scopes, pools: ["default"] };
      expect((await call("createToken", { token: tokens["admin"], body })).status, String(scopes)).toBe(400);
    }
  });

  test("works until it is revoked, and no longer than the cache's time after", async () => {
    const { token, view } = await createToken(deps, { name: "short", scopes: ["read"] });
    expect((await call("listRuns", { token })).status).toBe(200);
    expect((await call("revokeToken", { token: tokens["admin"], params: { token: view.id } })).status).toBe(200);
    world.clock.nowMs += TOKEN_CACHE_MS;
    expect((await call("listRuns", { token })).status).toBe(401);
    expect((await call("revokeToken", { token: tokens["admin"], params: { token: view.id } })).status).toBe(200);
    expect((await call("revokeToken", { token: tokens["admin"], params: { token: "unknown" } })).status).toBe(404);
  });

  test("has 256 bits, and only its hash is in the table", async () => {
    const made = await call("createToken", { token: tokens["admin"], body: { name: "kept", scopes: ["run"] } });
    const secret = String(made.body["token"]).split("_").slice(3).join("_");
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    const listed = await call("listTokens", { token: tokens["admin"] });
    const { Items = [] } = await world.client.send(new ScanCommand({ TableName: TABLE_NAME }));
    const stored = JSON.stringify([Items, listed.body]);
    expect(stored).toContain('"kept"');
    for (const all of [secret, ...Object.values(tokens).map((token) => token.slice(-43))])
      expect(stored).not.toContain(all);
    expect(JSON.stringify(listed.body)).not.toContain("hash");
  });

  test("of admin may do everything that a scope may", async () => {
    for (const [name] of scoped)
      expect([401, 403], name).not.toContain((await call(name, { token: tokens["admin"], params: PARAMS })).status);
  });
});

test("SECURITY 35: a token, a cancel and an approval that cannot be written to the audit do not happen", async () => {
  const full = { ...deps, audit: { ...deps.audit, append: () => Promise.reject(new Error("the table is full")) } };
  const api = httpLambda<"api">(full, apiRoutes(full));
  const ask = async (name: RouteName, request: Request) =>
    parsed(await api(eventOf(routes[name], { token: tokens["admin"], ...request }), {} as Context)).status;
  expect(await ask("createToken", { body: { name: "unaudited", scopes: ["read"] } })).toBe(500);
  const { body } = await call("listTokens", { token: tokens["admin"] });
  expect(JSON.stringify(body)).not.toContain("unaudited");
  const { runId } = await startRun(world.deps, planOf({ id: "one" }));
  const params = { run: runId };
  expect(await ask("cancelRun", { params, body: {} })).toBe(500);
  expect((await jobOf(world.deps, { runId, jobId: "one" })).state).toBe("queued");
  // Nothing is to be approved: it was not asked so far.
  expect(await ask("approveRun", { params, body: { sha: "a".repeat(40) } })).toBe(500);
});

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
    expect((await call("getJob", { token: tokens["read"], params })).status).toBe(404);
    expect((await call("getLog", { token: tokens["read"], params })).status).toBe(404);
    expect((await jobOf(deps, { runId: there.runId, jobId: "two" })).state).toBe("queued");
  });

  test("for a pool that does not exist is not opened", async () => {
    const body = { name: "r1", pools: ["nowhere"], slots: 1 };
    expect((await call("openSession", { token: tokens["runner"], body })).status).toBe(400);
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
      String(tokens["admin"]),
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

describe("a request", () => {
  const body = { definition: { path: "p.yml", text: "jobs: {a: {run: x}}" } };

  test("over the limit is refused with 413", async () => {
    const large = JSON.stringify({ ...body, padding: "x".repeat(BODY_BYTES_MAX) });
    const { status, body: answer } = await call("createRun", { token: tokens["run"], body: large });
    expect([status, answer.code]).toEqual([413, "too_large"]);
  });

  test("whose run id is not one is refused with 400, whatever it tries", async () => {
    for (const run of ["x", "run_", `${RUN}x`, RUN.toUpperCase(), "..", "%2e%2e", "run_%ZZ", `${RUN}%00`, "T#main"])
      expect((await call("getRun", { token: tokens["read"], params: { run } })).status, run).toBe(400);
    expect((await call("getRun", { token: tokens["read"], params: { run: RUN } })).status).toBe(404);
  });

  test("whose page begins after what is no run is refused with 400", async () => {
    expect((await call("listRuns", { token: tokens["read"], query: { cursor: "x" } })).status).toBe(400);
    expect((await call("listRuns", { token: tokens["read"], query: { cursor: RUN } })).status).toBe(200);
  });

  test("with a field that nobody knows is refused with 400, and names it", async () => {
    const runner = signSession(deps.signer, sessionOf("r1"));
    const requests: [RouteName, Request][] = [
      ["createRun", { token: tokens["run"], body: { ...body, extra: 1 } }],
      ["createToken", { token: tokens["admin"], body: { name: "x", scopes: ["read"], extra: 1 } }],
      ["openSession", { token: tokens["runner"], body: { name: "x", pools: ["default"], slots: 1, extra: 1 } }],
      ["claim", { token: runner, params: PARAMS, body: { claimId: "claim-0000000000000000", fence: 0, extra: 1 } }],
      ["cancelRun", { token: tokens["run"], params: PARAMS, body: { extra: 1 } }],
      ["rerunRun", { token: tokens["run"], params: PARAMS, body: { extra: 1 } }],
      ["listRuns", { token: tokens["read"], query: { extra: "1" } }],
    ];
    for (const [name, request] of requests) {
      const { status, body: answer } = await call(name, request);
      expect([status, answer.code], name).toEqual([400, "bad_request"]);
      expect(answer.message, name).toContain("extra");
    }
  });

  test("whose body is no JSON, or of another shape, is refused with 400", async () => {
    for (const bad of ["{", "[]", "null", '"text"', "{}", '{"definition":{"path":1}}'])
      expect((await call("createRun", { token: tokens["run"], body: bad })).status, bad).toBe(400);
  });

  test("with half of a surrogate pair, which no table stores, is refused with 400", async () => {
    for (const half of ["\\ud83d", "\\uDE00", "x\\ud83dx"]) {
      const text = `{"definition":{"path":"p.yml","text":"jobs: {a: {run: '${half}'}}"}}`;
      const { status, body: answer } = await call("createRun", { token: tokens["run"], body: text });
      expect([status, answer.message]).toEqual([400, "the body holds half of a surrogate pair, which is no text"]);
    }
    const whole = `{"definition":{"path":"p.yml","text":"jobs: {a: {run: '\\ud83d\\ude00'}}"}}`;
    expect((await call("createRun", { token: tokens["run"], body: whole })).status).toBe(201);
  });

  test("lists the jobs of a wide run page by page, in the order of its file", async () => {
    const names = Array.from({ length: PAGE_JOBS_MAX + 2 }, (_, at) => `j${(at * 7) % 1_000}`);
    const text = `jobs: {${names.map((name) => `${name}: {run: "true"}`).join(", ")}}`;
    const made = await call("createRun", { token: tokens["run"], body: { definition: { path: "wide.yml", text } } });
    const params = { run: String((made.body["run"] as { id: string }).id) };
    const page = async (query: Record<string, string>) =>
      (await call("listJobs", { token: tokens["read"], params, query })).body as {
        jobs: { id: string }[];
        checks: unknown[];
        next?: number;
      };
    const [first, second] = [await page({}), await page({ from: String(PAGE_JOBS_MAX) })];
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(names);
    expect([first.next, second.next]).toEqual([PAGE_JOBS_MAX, undefined]);
    expect(second.checks).toHaveLength(names.length);
  });

  test("for a source with a password in its URL never tells it again", async () => {
    const source = { kind: "git", url: "https://ci:hunter2@git.test/r.git", sha: "a".repeat(40) };
    const made = await call("createRun", { token: tokens["run"], body: { ...body, source } });
    const run = String((made.body["run"] as { id: string }).id);
    const reads = [
      made,
      await call("getRun", { token: tokens["read"], params: { run } }),
      await call("listJobs", { token: tokens["read"], params: { run } }),
      // Runs of one moment stand in no order: the first page alone may be without it.
      await call("listRuns", { token: tokens["read"], query: { limit: "100" } }),
    ];
    for (const { status, body: answer } of reads) {
      expect(status).toBeLessThan(300);
      expect(JSON.stringify(answer)).not.toContain("hunter2");
      expect(JSON.stringify(answer)).toContain("https://***@git.test/r.git");
    }
    // The runner must know it.
    const session = signSession(deps.signer, sessionOf("r1"));
    const claim = { claimId: "c".repeat(20), fence: 0 };
    const granted = await call("claim", { token: session, params: { run, job: "a" }, body: claim });
    expect(JSON.stringify(granted.body)).toContain(source.url);
  });

  test("for a seal whose chunks and gaps do not make up its log is refused, and nothing changes", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { grant } = await runningAt(deps, { runId, jobId: "one" });
    const params = { run: runId, job: "one", fence: "1" };
    const chunk = { seq: 0, offset: 0, bytes: 5, gzipBytes: 20, sha256: "a".repeat(64) };
    const gap = { offset: 5, bytes: 3, reason: "upload_failed" as const };
    const seal = (bytes: number, lostBytes: number, chunks: object[], gaps: object[], chunkCount = chunks.length) => ({
      ...lastWord(),
      log: { bytes, lostBytes, chunkCount, index: { kind: "inline", chunks, gaps } },
    });
    const wrong = [
      seal(5, 0, [], []),
      seal(8, 0, [chunk], [gap]),
      seal(8, 3, [chunk], [gap], 2),
      seal(9, 3, [chunk], [{ ...gap, offset: 6 }]),
      seal(5, 0, [chunk, { ...chunk, seq: 1 }], []),
    ];
    for (const body of wrong) {
      const { status, body: answer } = await call("complete", { token: grant.leaseToken, params, body });
      expect([status, answer.message]).toEqual([400, expect.stringContaining("make up the log")]);
    }
    const right = await call("complete", { token: grant.leaseToken, params, body: seal(8, 3, [chunk], [gap]) });
    expect(right.status).toBe(200);
  });

  test("for a log index larger than any log's is refused", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { grant } = await runningAt(deps, { runId, jobId: "one" });
    const params = { run: runId, job: "one", fence: "1" };
    const files = [{ kind: "log-index", bytes: LOG_INDEX_BYTES_MAX + 1, sha256: "a".repeat(64) }];
    expect((await call("uploads", { token: grant.leaseToken, params, body: { files } })).status).toBe(400);
  });

  test("for an artifact whose name climbs is refused with 400", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { grant } = await runningAt(deps, { runId, jobId: "one" });
    const params = { run: runId, job: "one", fence: "1" };
    for (const name of ["..", "../x", "a/b", "a/../b", ".hidden", "", "a\u0000b", "%2e%2e", "a".repeat(65)]) {
      const files = [{ kind: "artifact", name, bytes: 1, sha256: "a".repeat(64) }];
      const upload = await call("uploads", { token: grant.leaseToken, params, body: { files } });
      const artifacts = [{ name, kind: "archive", bytes: 1, files: 1, sha256: "a".repeat(64) }];
      const complete = await call("complete", {
        token: grant.leaseToken,
        params,
        body: lastWord("succeeded", { artifacts: artifacts as never }),
      });
      const read = await call("getArtifact", {
        token: tokens["read"],
        params: { run: runId },
        query: { job: "one", name },
      });
      expect([upload.status, complete.status, read.status], name).toEqual([400, 400, 400]);
    }
    expect((await jobOf(deps, { runId, jobId: "one" })).state).toBe("running");
  });

  test("for more log chunks than a log may have is refused", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { grant } = await runningAt(deps, { runId, jobId: "one" });
    const params = { run: runId, job: "one", fence: "1" };
    const files = [{ kind: "log", seq: 123_456_789, bytes: 1, sha256: "a".repeat(64) }];
    expect((await call("uploads", { token: grant.leaseToken, params, body: { files } })).status).toBe(400);
  });

  test("with an Idempotency-Key makes one run, and tells which", async () => {
    const request = { token: tokens["run"], body, headers: { "idempotency-key": "http-key" } };
    const [first, second] = [await call("createRun", request), await call("createRun", request)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toMatchObject({ replayed: true, run: { id: (first.body["run"] as { id: string }).id } });
    const other = { ...body, watch: true };
    const { status, body: answer } = await call("createRun", { ...request, body: other });
    expect([status, answer.code]).toEqual([409, "idempotency_mismatch"]);
  });

  test("that fails here is told as internal, with nothing of the error but in the log", async () => {
    const broken = {
      ...deps,
      store: { ...deps.store, getRunItems: async () => Promise.reject(new Error("secret detail")) },
    };
    const handler = httpLambda<"api">(broken, apiRoutes(broken));
    const event = eventOf(routes.getRun, { token: tokens["read"] ?? "", params: { run: RUN } });
    const answer = parsed(await handler(event, {} as Context));
    expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
    expect(JSON.stringify(answer.body)).not.toContain("secret detail");
    expect(logged.some((entry) => entry instanceof Error && entry.message === "secret detail")).toBe(true);
  });
});
