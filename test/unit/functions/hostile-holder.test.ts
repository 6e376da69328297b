import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RouteName } from "../../../shared/protocol/routes.ts";
import { type HttpWorld, startHttpWorld } from "../../support/http-world.ts";
import { runningJob } from "../../support/one-running-job.ts";
import { lastWord, PROGRESS } from "../../support/scenario.ts";

/** Whoever holds a lease may send anything with its token: it is refused or kept, and never fails the control plane. */

let http: HttpWorld;

beforeAll(async () => {
  http = await startHttpWorld();
});
afterAll(() => http.world.stop());

const SHA256 = "0".repeat(64);
const ARTIFACT = { name: "a.tar.gz", kind: "archive", bytes: 1, files: 1, sha256: SHA256 };
const CHUNK = { seq: 0, offset: 0, bytes: 1, gzipBytes: 1, sha256: SHA256 };
const SEAL = { bytes: 1, lostBytes: 0, chunkCount: 1, index: { kind: "inline", chunks: [CHUNK], gaps: [] } };
const LOST_SEAL = { ...SEAL, index: { kind: "lost" } };

const NUMBERS = [-1, 0, 0.5, 1e308, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, -Number.MAX_SAFE_INTEGER];
const TEXTS = [
  "",
  "\0",
  "\n",
  "__proto__",
  "constructor",
  "a\u202eb",
  "\u{1f600}".repeat(300),
  "x".repeat(100_000),
  "..",
  "../../x",
  "\ufffe\uffff",
  "e\u0301".repeat(60),
];
const OTHERS = [null, true, [], {}, [[[]]], { __proto__: 1 }];
const VALUES: readonly unknown[] = [...NUMBERS, ...TEXTS, ...OTHERS];

/** Each value of the body in turn, however deep, in place of the value itself; and each list with its first entry doubled. */
function* mutated(body: unknown): Generator<unknown> {
  for (const value of VALUES) yield value;
  if (Array.isArray(body)) {
    yield [...body, ...body];
    for (const [at, entry] of body.entries()) for (const other of mutated(entry)) yield body.with(at, other);
  } else if (typeof body === "object" && body !== null) {
    for (const name of ["__proto__", "constructor", "extra", ""])
      yield JSON.parse(`${JSON.stringify(body).slice(0, -1)},${JSON.stringify(name)}:{"x":1}}`);
    for (const [name, entry] of Object.entries(body))
      for (const other of mutated(entry)) yield { ...body, [name]: other };
  }
}

const FULL = lastWord("failed", {
  exitCode: 3,
  signal: "SIGTERM",
  failure: { class: "user", message: "m", step: "s" },
  log: SEAL as never,
  artifacts: [ARTIFACT as never],
  losses: ["l"],
  checks: [{ id: "one", outcome: "passed", summary: "s" }],
});
const BODIES: readonly (readonly [RouteName, unknown])[] = [
  ["heartbeat", PROGRESS],
  ["uploads", { files: [{ kind: "log", seq: 0, bytes: 1, sha256: SHA256 }] }],
  ["uploads", { files: [{ kind: "log-index", bytes: 1, sha256: SHA256 }] }],
  ["uploads", { files: [{ kind: "artifact", name: "a", bytes: 1, sha256: SHA256 }] }],
  ["complete", FULL],
  ["complete", lastWord("succeeded", { log: LOST_SEAL as never })],
  ["release", { reason: "drain" }],
  ["cancelAck", { log: SEAL }],
];

describe("case A7: nothing that a holder sends makes the control plane fail:", () => {
  for (const [name, body] of BODIES)
    test(`${name} ${JSON.stringify(body).slice(0, 60)}`, { timeout: 120_000 }, async () => {
      const kept: Record<string, number> = {};
      let job = await runningJob(http.world);
      for (const sent of mutated(body)) {
        const params = { run: job.ref.runId, job: job.ref.jobId, fence: String(job.claims.fence) };
        const { status } = await http.call(name, { token: job.grant.leaseToken, params, body: sent });
        expect(status, JSON.stringify(sent).slice(0, 500)).toBeLessThan(500);
        kept[status] = (kept[status] ?? 0) + 1;
        if (status !== 200 || name === "heartbeat" || name === "uploads") continue;
        // What was accepted must be readable by everybody, and the next holder starts afresh.
        await expectReadable(job.ref.runId);
        job = await runningJob(http.world);
      }
      await expectReadable(job.ref.runId);
      // Both kinds were tried: what is kept, and what is refused.
      expect(kept["400"]).toBeGreaterThan(10);
      expect(http.logged).toEqual([]);
    });
});

async function expectReadable(runId: string): Promise<void> {
  const token = http.tokens.read;
  const params = { run: runId, job: "one" };
  const names = ["getRun", "listJobs", "getJob", "getLog", "listArtifacts"] as const;
  const read = await Promise.all(names.map((name) => http.call(name, { token, params })));
  expect(read.map(({ status }) => status)).toEqual(names.map(() => 200));
  for (const artifact of ["a.tar.gz", "constructor"]) {
    const query = { job: "one", name: artifact };
    expect((await http.call("getArtifact", { token, params, query })).status).toBeLessThan(500);
  }
}

describe("case A7: nor does a path or a query that a reader or a holder sends:", () => {
  const HOSTILE = [...TEXTS, ...NUMBERS.map(String), "1e3", "0x10", " 1", "NaN", "Infinity", "9".repeat(400)];

  test("the fence of a lease, the place in a log, the page of a list", { timeout: 120_000 }, async () => {
    const { ref, grant, claims } = await runningJob(http.world);
    const params = { run: ref.runId, job: ref.jobId, fence: String(claims.fence) };
    const read = http.tokens.read;
    for (const text of HOSTILE) {
      const asked = [
        http.call("ack", { token: grant.leaseToken, params: { ...params, fence: encodeURIComponent(text) } }),
        http.call("ack", { token: text, params }),
        http.call("getLog", { token: read, params, query: { after: text } }),
        http.call("getLog", { token: read, params, query: { fence: text } }),
        http.call("getJob", { token: read, params: { ...params, job: encodeURIComponent(text) } }),
        http.call("listJobs", { token: read, params, query: { from: text } }),
        http.call("listRuns", { token: read, query: { limit: text } }),
        http.call("listRuns", { token: read, query: { project: text } }),
        http.call("getArtifact", { token: read, params, query: { job: text, name: text } }),
      ];
      for (const { status, body } of await Promise.all(asked))
        expect([status, text.slice(0, 40), body.message?.slice(0, 300)], text).toSatisfy(([code]) => code < 500);
    }
    expect(http.logged).toEqual([]);
  });
});
