import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Completion, LogChunk, LogIndex, LogSeal } from "../../../shared/protocol/products.ts";
import { logReply } from "../../../shared/protocol/runs.ts";
import { artifactObject, logChunkObject, logIndexObject } from "../../../shared/store/keys.ts";
import { completeJob } from "../../../shared/usecases/end-attempt.ts";
import { digest } from "../../../shared/usecases/specs.ts";
import { type HttpWorld, startHttpWorld } from "../../support/http-world.ts";
import { refOf, runningJob } from "../../support/one-running-job.ts";
import { lastWord } from "../../support/scenario.ts";

/** What a holder says that it stored, and did not. */

let http: HttpWorld;

beforeAll(async () => {
  http = await startHttpWorld();
});
afterAll(() => http.world.stop());

const CHUNK_BYTES = 10;
const gzip = gzipSync("0123456789");
const chunkOf = (seq: number, change: Partial<LogChunk> = {}): LogChunk => ({
  seq,
  offset: seq * CHUNK_BYTES,
  bytes: CHUNK_BYTES,
  gzipBytes: gzip.length,
  sha256: digest(gzip),
  ...change,
});
const CHUNKS = Array.from({ length: 6 }, (_, seq) => chunkOf(seq));
const sealOf = (index: LogSeal["index"], change: Partial<LogSeal> = {}): LogSeal => ({
  bytes: CHUNKS.length * CHUNK_BYTES,
  lostBytes: 0,
  chunkCount: CHUNKS.length,
  index,
  ...change,
});

/** A job that ended with this last word; `stored` is what its holder put at its index's key. */
async function endedWith(completion: Partial<Completion>, stored?: string) {
  const { ref, claims } = await runningJob(http.world);
  const at = { ...ref, fence: claims.fence };
  for (const { seq } of CHUNKS) http.world.objects.set(logChunkObject(at, seq), "a chunk");
  if (stored !== undefined) http.world.objects.set(logIndexObject(at), stored);
  await completeJob(http.deps, claims, lastWord("succeeded", completion));
  return at;
}

const read = (name: "getLog" | "listArtifacts" | "getArtifact" | "getJob", runId: string, query = {}) =>
  http.call(name, { token: http.tokens.read, params: { run: runId, job: refOf(runId).jobId }, query });

/** Reads page after page, as a reader does: within a bound. */
async function pages(runId: string) {
  const seen: number[] = [];
  for (let after = -1, turns = 0; turns < 5; turns += 1) {
    const { status, body } = await read("getLog", runId, { after: String(after) });
    expect(status).toBe(200);
    const page = logReply.parse(body);
    seen.push(...page.chunks.map((chunk) => chunk.seq));
    if (!page.more) return { seen, page };
    expect(page.lastSeq).toBeGreaterThan(after);
    after = page.lastSeq;
  }
  throw new Error("the log has no end");
}

function indexObject(index: unknown, change: Partial<LogSeal> = {}) {
  const text = typeof index === "string" ? index : JSON.stringify(index);
  return { text, seal: sealOf({ kind: "object", sha256: digest(text), bytes: Buffer.byteLength(text) }, change) };
}

const whole: LogIndex = { chunks: CHUNKS, gaps: [] };
const LOST = {
  "was never stored": { ...indexObject(whole), text: undefined },
  "is another object": { ...indexObject(whole), text: JSON.stringify({ chunks: [], gaps: [] }) },
  "is shorter than it was said to be": {
    text: JSON.stringify(whole),
    seal: sealOf({ kind: "object", sha256: digest(JSON.stringify(whole)), bytes: 7 }),
  },
  "is no JSON": indexObject("{"),
  "is JSON of another kind": indexObject([1, 2]),
  "names one chunk twice": indexObject({ chunks: [...CHUNKS.slice(0, 5), chunkOf(4, { offset: 50 })], gaps: [] }),
  "has its chunks against their numbers": indexObject({
    chunks: CHUNKS.map((chunk) => ({ ...chunk, seq: 5 - chunk.seq })),
    gaps: [],
  }),
  "has lengths that no log has": indexObject({
    chunks: CHUNKS.map((chunk) => ({ ...chunk, bytes: Number.MAX_SAFE_INTEGER })),
    gaps: [],
  }),
  "leaves bytes out": indexObject({ chunks: CHUNKS.slice(1), gaps: [] }),
  "has another length than its seal": indexObject(whole, { bytes: 61 }),
} satisfies Record<string, { text: string | undefined; seal: LogSeal }>;

describe("case A7: a log index that", () => {
  for (const [what, { text, seal }] of Object.entries(LOST))
    test(`${what} is lost, and what lies in the bucket is read`, async () => {
      const { runId } = await endedWith({ log: seal }, text);
      const { seen, page } = await pages(runId);
      expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
      expect(page).toMatchObject({ sealed: true, more: false, seal: { index: { kind: "lost" } } });
      expect((await read("getJob", runId)).status).toBe(200);
      expect(http.logged).toEqual([]);
    });

  test("is as it was said is read", async () => {
    const { text, seal } = indexObject({ chunks: CHUNKS.toReversed(), gaps: [] });
    const { runId } = await endedWith({ log: seal }, text);
    const { seen, page } = await pages(runId);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(page.seal?.index.kind).toBe("object");
  });

  test("stands in the seal and names a chunk twice is refused", async () => {
    const { ref, claims, grant } = await runningJob(http.world);
    const chunks = [chunkOf(0), chunkOf(0, { offset: 10 })];
    const log = sealOf({ kind: "inline", chunks, gaps: [] }, { bytes: 20, chunkCount: 2 });
    const params = { run: ref.runId, job: ref.jobId, fence: String(claims.fence) };
    const { status } = await http.call("complete", {
      token: grant.leaseToken,
      params,
      body: lastWord("succeeded", { log }),
    });
    expect(status).toBe(400);
  });
});

test("case A7: a bucket that does not answer is no lost log: the reader is told to come again", async () => {
  const { text, seal } = indexObject(whole);
  const { runId } = await endedWith({ log: seal }, text);
  const { bucket } = http.deps;
  const get = bucket.get;
  try {
    Object.assign(bucket, { get: () => Promise.reject(new Error("the bucket does not answer")) });
    expect((await read("getLog", runId)).status).toBe(500);
  } finally {
    Object.assign(bucket, { get });
  }
});

test("case A7: an artifact that was never stored is listed and linked: the bucket says that it is gone", async () => {
  const artifact = { name: "artifacts.tar.gz", kind: "archive" as const, bytes: 5, files: 1, sha256: digest("x") };
  const at = await endedWith({ artifacts: [artifact] });
  expect(http.world.objects.has(artifactObject(at, artifact.name))).toBe(false);
  expect((await read("listArtifacts", at.runId)).status).toBe(200);
  const link = await read("getArtifact", at.runId, { job: at.jobId, name: artifact.name });
  expect([link.status, link.body["artifact"]]).toEqual([200, artifact]);
});
