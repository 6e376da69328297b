import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { BODY_BYTES_MAX, LOG_INDEX_BYTES_MAX, PAGE_JOBS_MAX } from "../../../shared/domain/limits.ts";
import type { RouteName } from "../../../shared/protocol/routes.ts";
import { signSession } from "../../../shared/usecases/lease-token.ts";
import {
  type Call,
  callApi,
  type HttpWorld,
  PARAMS,
  type Request,
  RUN,
  startHttpWorld,
} from "../../support/http-world.ts";
import { jobOf, lastWord, planOf, runningAt, startRun } from "../../support/scenario.ts";
import { sessionOf, type World } from "../../support/world.ts";

/** What is asked, and how it is answered. */

let world: World;
let deps: FunctionDeps;
let call: Call;
let tokens: HttpWorld["tokens"];
let logged: HttpWorld["logged"];

beforeAll(async () => {
  ({ world, deps, call, tokens, logged } = await startHttpWorld());
});
afterAll(() => world.stop());

describe("a request", () => {
  const body = { definition: { path: "p.yml", text: "jobs: {a: {run: x}}" } };

  test("over the limit is refused with 413", async () => {
    const large = JSON.stringify({ ...body, padding: "x".repeat(BODY_BYTES_MAX) });
    const { status, body: answer } = await call("createRun", { token: tokens.run, body: large });
    expect([status, answer.code]).toEqual([413, "too_large"]);
  });

  test("whose run id is not one is refused with 400, whatever it tries", async () => {
    for (const run of ["x", "run_", `${RUN}x`, RUN.toUpperCase(), "..", "%2e%2e", "run_%ZZ", `${RUN}%00`, "T#main"])
      expect((await call("getRun", { token: tokens.read, params: { run } })).status, run).toBe(400);
    expect((await call("getRun", { token: tokens.read, params: { run: RUN } })).status).toBe(404);
  });

  test("whose page begins after what is no run is refused with 400", async () => {
    expect((await call("listRuns", { token: tokens.read, query: { cursor: "x" } })).status).toBe(400);
    expect((await call("listRuns", { token: tokens.read, query: { cursor: RUN } })).status).toBe(200);
  });

  test("with a field that nobody knows is refused with 400, and names it", async () => {
    const runner = signSession(deps.signer, sessionOf("r1"));
    const requests: [RouteName, Request][] = [
      ["createRun", { token: tokens.run, body: { ...body, extra: 1 } }],
      ["createToken", { token: tokens.admin, body: { name: "x", scopes: ["read"], extra: 1 } }],
      ["openSession", { token: tokens.runner, body: { name: "x", pools: ["default"], slots: 1, extra: 1 } }],
      ["claim", { token: runner, params: PARAMS, body: { claimId: "claim-0000000000000000", fence: 0, extra: 1 } }],
      ["cancelRun", { token: tokens.run, params: PARAMS, body: { extra: 1 } }],
      ["rerunRun", { token: tokens.run, params: PARAMS, body: { extra: 1 } }],
      ["listRuns", { token: tokens.read, query: { extra: "1" } }],
    ];
    for (const [name, request] of requests) {
      const { status, body: answer } = await call(name, request);
      expect([status, answer.code], name).toEqual([400, "bad_request"]);
      expect(answer.message, name).toContain("extra");
    }
  });

  test("case A12: with 869 KB of unknown keys is refused in a few lines", async () => {
    const extra = Object.fromEntries(Array.from({ length: 45_000 }, (_, at) => [`unknown-${at}`, 1]));
    const { status, body: answer } = await call("createRun", { token: tokens.run, body: { ...body, ...extra } });
    expect(status).toBe(400);
    expect(answer.message).toMatch(/Unrecognized keys.*unknown-1.* more characters$/);
    expect(JSON.stringify(answer).length).toBeLessThan(10_000);
  });

  test("case A12: for a pipeline of many long mistakes is told each of them shortly", async () => {
    const lines = Array.from({ length: 3_000 }, (_, at) => `  "job ${at} ${"x".repeat(100)}": {run: y}\n`);
    const text = `jobs:\n${lines.join("")}`;
    const { status, body: answer } = await call("createRun", {
      token: tokens.run,
      body: { definition: { path: "p.yml", text } },
    });
    expect([status, answer.code]).toEqual([422, "invalid_definition"]);
    expect(answer.message?.length).toBeLessThan(5_000);
    expect(JSON.stringify(answer).length).toBeLessThan(150_000);
  });

  test("whose body is no JSON, or of another shape, is refused with 400", async () => {
    for (const bad of ["{", "[]", "null", '"text"', "{}", '{"definition":{"path":1}}'])
      expect((await call("createRun", { token: tokens.run, body: bad })).status, bad).toBe(400);
  });

  test("with half of a surrogate pair, which no table stores, is refused with 400", async () => {
    for (const half of ["\\ud83d", "\\uDE00", "x\\ud83dx"]) {
      const text = `{"definition":{"path":"p.yml","text":"jobs: {a: {run: '${half}'}}"}}`;
      const { status, body: answer } = await call("createRun", { token: tokens.run, body: text });
      expect([status, answer.message]).toEqual([400, "the body holds half of a surrogate pair, which is no text"]);
    }
    const whole = `{"definition":{"path":"p.yml","text":"jobs: {a: {run: '\\ud83d\\ude00'}}"}}`;
    expect((await call("createRun", { token: tokens.run, body: whole })).status).toBe(201);
  });

  test("lists the jobs of a wide run page by page, in the order of its file", async () => {
    const names = Array.from({ length: PAGE_JOBS_MAX + 2 }, (_, at) => `j${(at * 7) % 1_000}`);
    const text = `jobs: {${names.map((name) => `${name}: {run: "true"}`).join(", ")}}`;
    const made = await call("createRun", { token: tokens.run, body: { definition: { path: "wide.yml", text } } });
    const params = { run: String((made.body["run"] as { id: string }).id) };
    const page = async (query: Record<string, string>) =>
      (await call("listJobs", { token: tokens.read, params, query })).body as {
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
    const made = await call("createRun", { token: tokens.run, body: { ...body, source } });
    const run = String((made.body["run"] as { id: string }).id);
    const reads = [
      made,
      await call("getRun", { token: tokens.read, params: { run } }),
      await call("listJobs", { token: tokens.read, params: { run } }),
      // Runs of one moment stand in no order: the first page alone may be without it.
      await call("listRuns", { token: tokens.read, query: { limit: "100" } }),
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
        token: tokens.read,
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
    const request = { token: tokens.run, body, headers: { "idempotency-key": "http-key" } };
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
    const answer = await callApi(broken, "getRun", { token: tokens.read, params: { run: RUN } });
    expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
    expect(JSON.stringify(answer.body)).not.toContain("secret detail");
    expect(logged.some((entry) => entry instanceof Error && entry.message === "secret detail")).toBe(true);
  });
});
