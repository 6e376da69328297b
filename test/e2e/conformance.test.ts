import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { CHECKS } from "../../cli/conformance/all-checks.ts";
import { conform } from "../../cli/conformance/conform.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { type Answered, type Meddle, type MeddlingProxy, PASS, startMeddlingProxy } from "../support/meddling-proxy.ts";
import { spawnRunner } from "../support/runner-process.ts";
import { baton, makePlace } from "./cli-process.ts";

/** `baton conformance` against the embedded stack, which keeps its promises, and against one made to break them. */

const POOL = "probes";
const stateDir = mkdtempSync(join(tmpdir(), "baton-conformance-"));
let stack: SpawnedStack;
let proxy: MeddlingProxy;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, memory: true, pools: ["default", POOL] });
  proxy = await startMeddlingProxy(stack.url);
});
afterAll(async () => {
  await proxy.stop();
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

const answer = (status: number, body: object): Answered => ({ status, body: JSON.stringify(body) });
const onlyHealth: Meddle = async (asked, forward) =>
  asked.path === "/healthz" ? forward(asked) : answer(404, { message: "Not Found" });

/** The verdicts of some checks of what the proxy makes of the control plane. */
async function verdicts(meddle: Meddle, ...ids: readonly string[]): Promise<Record<string, string>> {
  proxy.meddle = meddle;
  const results = await conform(
    CHECKS.filter(({ id }) => ids.includes(id)),
    {
      client: makeClient({ url: proxy.url, token: stack.token }),
      clock: systemClock,
      pool: POOL,
      project: "conformance",
      onResult: () => undefined,
    },
  );
  proxy.meddle = PASS;
  return Object.fromEntries(results.map(({ id, verdict }) => [id, verdict]));
}

const report = z.object({
  checks: z.array(z.object({ id: z.string(), verdict: z.string(), detail: z.string().optional() })),
});

test("the embedded stack keeps every promise, and the report says so in the terminal, as JSON and as Markdown", async () => {
  const place = makePlace();
  const [json, markdown] = [join(place.temp, "report.json"), join(place.temp, "report.md")];
  const args = ["conformance", "--quick", "--pool", POOL, "--json", json, "--markdown", markdown];
  const env = { BATON_URL: stack.url, BATON_TOKEN: stack.token };
  const { code, stdout, stderr } = await baton(place, args, { env }).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("checks of") });
  const { checks } = report.parse(JSON.parse(readFileSync(json, "utf8")));
  expect(checks.filter(({ verdict }) => verdict !== "holds")).toEqual([]);
  expect(checks.map(({ id }) => id)).toEqual(CHECKS.filter(({ slow }) => slow !== true).map(({ id }) => id));
  for (const { id } of checks) expect(stdout).toContain(id);
  expect(readFileSync(markdown, "utf8")).toContain(`${checks.length} hold, 0 broken, 0 unclear`);
  place.remove();
});

/** What `baton conformance` says of what the proxy makes of the control plane. */
async function judged(meddle: Meddle) {
  const place = makePlace();
  proxy.meddle = meddle;
  const env = { BATON_URL: proxy.url, BATON_TOKEN: stack.token };
  const end = await baton(place, ["conformance", "--pool", POOL], { env }).ended;
  proxy.meddle = PASS;
  place.remove();
  return end;
}

test.each<[string, Meddle, string]>([
  ["answers 404 to all", async () => answer(404, { message: "Not Found" }), "(/healthz answers 404, and not as Baton"],
  ["answers the same to all", async () => answer(200, { hello: "world" }), "(/healthz answers 200, and not as Baton"],
  ["has a /healthz alone", onlyHealth, "(it has none of Baton's routes)"],
])("what %s is no Baton: said at once, and no promise is called broken", async (_, meddle, why) => {
  const { code, stdout, stderr } = await judged(meddle);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^baton: \S+ is no Baton control plane, or one that is not well [^\n]+\n$/);
  expect(stderr).toContain(why);
});

test("a Baton that lacks a route is an older one: said at once, with what it lacks", async () => {
  const older: Meddle = async (asked, forward) =>
    asked.path.includes("/secrets")
      ? answer(404, { code: "not_found", message: "there is no such path", requestId: "r" })
      : forward(asked);
  const { code, stdout, stderr } = await judged(older);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/ is an older Baton: it has no (GET|POST|PUT|DELETE) \/v1\/[^\n]+secrets[^\n]+; update it/);
});

test("what hangs up after /healthz is away: said in words", async () => {
  const { code, stdout, stderr } = await judged(async (asked, forward) => {
    if (asked.path === "/healthz") return forward(asked);
    throw new Error("hung up");
  });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^baton: no answer from \S+: socket hang up; is the control plane up\?[^\n]+\n$/);
});

test("it leaves no run alive and no offer behind", async () => {
  const client = makeClient({ url: stack.url, token: stack.token });
  await verdicts(PASS, "claim.duplicate-offer", "lease.before-ack", "token.other-job");
  const { runs } = await client.call("listRuns", { query: { project: "conformance", limit: 100 } });
  expect(runs.filter(({ state }) => !["succeeded", "canceled", "failed", "timed_out"].includes(state))).toEqual([]);
});

test("an unknown check and a pool that does not exist are mistakes, not verdicts", async () => {
  const place = makePlace();
  const env = { BATON_URL: stack.url, BATON_TOKEN: stack.token };
  const unknown = await baton(place, ["conformance", "--only", "claim.rase"], { env }).ended;
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("claim.race")]);
  const pool = await baton(place, ["conformance", "--pool", "nowhere"], { env }).ended;
  expect([pool.code, pool.stderr]).toEqual([2, expect.stringContaining("there is no pool nowhere")]);
  place.remove();
});

describe("case T3: what is unclear is tried again", () => {
  /** Fails the first calls of these as a loaded control plane or a proxy before it does. */
  const failing = (times: number, fails: () => Promise<Answered>): Meddle => {
    let left = times;
    return async (asked, forward) => {
      if (!asked.path.startsWith("/v1/runs") || left === 0) return forward(asked);
      left -= 1;
      return fails();
    };
  };

  test.each<[string, () => Promise<Answered>]>([
    ["answers 502 with a page", async () => ({ status: 502, body: "<html>Bad Gateway</html>" })],
    ["hangs up", async () => Promise.reject(new Error("hung up"))],
  ])("where a control plane %s for a while, and its promises hold after all", async (_, fails) => {
    expect(await verdicts(failing(2, fails), "claim.race")).toEqual({ "claim.race": "holds" });
  });

  test("and stays unclear, and is not called broken, where no answer ever comes", async () => {
    const page = async () => ({ status: 502, body: "<html>Bad Gateway</html>" });
    expect(await verdicts(failing(Number.POSITIVE_INFINITY, page), "claim.race")).toEqual({ "claim.race": "unclear" });
  });
});

test("beside a living runner it never calls a promise broken", async () => {
  const runner = await spawnRunner({ url: stack.url, token: stack.token, args: ["--pool", POOL, "--slots", "1"] });
  await runner.heard("ready");
  const found = await verdicts(PASS, "claim.race", "claim.late", "lease.stale-fence", "complete.repeat", "offer.hint");
  expect(Object.values(found)).not.toContain("broken");
  await runner.discard();
});

const isClaim = (path: string) => /\/leases$/.test(path);

describe("a control plane that breaks a promise is found out:", () => {
  /** Every claim of a job gets the first grant. They go one after the other: a refusal that overtakes it would be none. */
  const grantsToAll = (): Meddle => {
    const grants = new Map<string, Answered>();
    let before: Promise<unknown> = Promise.resolve();
    return async (asked, forward) => {
      if (!isClaim(asked.path)) return forward(asked);
      const mine = before.then(() => forward(asked));
      before = mine.catch(() => undefined);
      const reply = await mine;
      if (reply.status === 201) grants.set(asked.path, grants.get(asked.path) ?? reply);
      return grants.get(asked.path) ?? reply;
    };
  };

  test("one that grants a lease to everybody", async () => {
    const found = await verdicts(grantsToAll(), "claim.race", "claim.duplicate-offer", "claim.ended");
    expect(found).toEqual({ "claim.race": "broken", "claim.duplicate-offer": "broken", "claim.ended": "broken" });
  });

  test("one that gives a repeated claim another answer", async () => {
    const seen = new Set<string>();
    const meddle: Meddle = async (asked, forward) => {
      if (!isClaim(asked.path)) return forward(asked);
      const again = seen.has(asked.path);
      seen.add(asked.path);
      return again ? answer(409, { code: "taken", message: "taken", requestId: "r" }) : forward(asked);
    };
    expect(await verdicts(meddle, "claim.lost-reply")).toEqual({ "claim.lost-reply": "broken" });
  });

  test("one that acknowledges stale calls", async () => {
    const meddle: Meddle = async (asked, forward) => {
      const reply = await forward(asked);
      if (reply.status !== 409 || isClaim(asked.path)) return reply;
      return /heartbeat|ack$/.test(asked.path)
        ? answer(200, { ttlMs: 1, watched: false })
        : answer(200, { state: "succeeded", uploads: [], inputs: [] });
    };
    const ids = [
      "lease.stale-fence",
      "lease.before-ack",
      "lease.after-end",
      "token.other-job",
      "token.forged",
    ] as const;
    expect(await verdicts(meddle, ...ids)).toEqual(Object.fromEntries(ids.map((id) => [id, "broken"])));
  });

  test("one that takes the last of several results", async () => {
    // What is told of a job is that its result is the outcome that came last, as if a later one had overwritten it.
    const last = new Map<string, string>();
    const outcome = z.object({ outcome: z.string() });
    const meddle: Meddle = async (asked, forward) => {
      const run = /run_\w+/.exec(asked.path)?.[0] ?? "";
      if (asked.path.endsWith("/complete")) last.set(run, outcome.parse(JSON.parse(asked.body)).outcome);
      const reply = await forward(asked);
      if (asked.method !== "GET" || !asked.path.endsWith("/probe")) return reply;
      return { ...reply, body: reply.body.replace(/"state":"succeeded"/, `"state":"${last.get(run) ?? "succeeded"}"`) };
    };
    expect(await verdicts(meddle, "complete.repeat")).toEqual({ "complete.repeat": "broken" });
  });

  test("one that lets anybody in", async () => {
    const meddle: Meddle = (asked, forward) => {
      const { authorization = "" } = asked.headers;
      const known = authorization !== "" && !authorization.endsWith("_forged");
      return forward(
        known ? asked : { ...asked, headers: { ...asked.headers, authorization: `Bearer ${stack.token}` } },
      );
    };
    expect(await verdicts(meddle, "auth.every-route")).toEqual({ "auth.every-route": "broken" });
  });

  test("one that forgets Idempotency-Keys", async () => {
    const meddle: Meddle = (asked, forward) => {
      const { "idempotency-key": _forgotten, ...headers } = asked.headers;
      return forward({ ...asked, headers });
    };
    expect(await verdicts(meddle, "replay.idempotency-key")).toEqual({ "replay.idempotency-key": "broken" });
  });

  test("one whose heartbeats do not tell of a cancel", async () => {
    const meddle: Meddle = async (asked, forward) => {
      const reply = await forward(asked);
      return asked.path.endsWith("/heartbeat")
        ? { ...reply, body: reply.body.replace(/,"stop":\{[^}]*\}/, "") }
        : reply;
    };
    expect(await verdicts(meddle, "cancel.seen")).toEqual({ "cancel.seen": "broken" });
  });

  test("one whose upload links are for another key, of any length", async () => {
    // The grant's first link signs none: it stands in for every other.
    const first = new Map<string, string>();
    const granted = z.object({ firstLogUpload: z.unknown() });
    const meddle: Meddle = async (asked, forward) => {
      const reply = await forward(asked);
      const run = /run_\w+/.exec(asked.path)?.[0] ?? "";
      if (isClaim(asked.path) && reply.status === 201)
        first.set(run, JSON.stringify(granted.parse(JSON.parse(reply.body)).firstLogUpload));
      return asked.path.endsWith("/uploads") ? { ...reply, body: `{"uploads":[${first.get(run)}]}` } : reply;
    };
    expect(await verdicts(meddle, "upload.misuse")).toEqual({ "upload.misuse": "broken" });
  });
});
