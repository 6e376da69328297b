import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AttemptLog, type LogOptions, openLog } from "../../runner/products/log.ts";
import { sha256Of } from "../../runner/products/seal-log.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { ApiError } from "../../shared/protocol/client.ts";
import type { SignedRequest, UploadFile } from "../../shared/protocol/leases.ts";
import { type LogIndex, type LogSeal, logIndexSchema, logSealSchema } from "../../shared/protocol/products.ts";
import { eventually } from "../support/eventually.ts";
import { type HttpBucket, type PutFate, startHttpBucket } from "../support/http-bucket.ts";

let dir: string;
let bucket: HttpBucket;
let asked: UploadFile[][];

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "baton-log-")), "log");
  asked = [];
});
afterEach(async () => {
  await bucket.close();
  await rm(join(dir, ".."), { recursive: true, force: true });
});

const checksum = (sha256: string) => Buffer.from(sha256, "hex").toString("base64");

function keyOf(file: UploadFile): string {
  return file.kind === "log" ? String(file.seq) : file.kind;
}

async function open(
  fate?: (key: string, attempt: number) => PutFate,
  options: Partial<LogOptions> = {},
): Promise<AttemptLog> {
  bucket = await startHttpBucket(fate);
  return openLog({
    dir,
    upload: async (files) => {
      asked.push(files);
      return files.map(linkFor);
    },
    firstUpload: bucket.link("PUT", "0", { "if-none-match": "*" }),
    secrets: [],
    clock: systemClock,
    watched: false,
    ...options,
  });
}

function linkFor(file: UploadFile): SignedRequest {
  return bucket.link("PUT", keyOf(file), { "if-none-match": "*", "x-amz-checksum-sha256": checksum(file.sha256) });
}

async function writeAll(log: AttemptLog, ...chunks: Buffer[]): Promise<void> {
  for (const chunk of chunks) await log.write(chunk);
}

/** Reads the log back as a reader does, and checks all that a reader relies on. Lost bytes come as zeros. */
function readBack(seal: LogSeal): Buffer {
  logSealSchema.parse(seal);
  const index = indexOf(seal);
  expect(seal.chunkCount).toBe(index.chunks.length);
  expect(seal.lostBytes).toBe(index.gaps.reduce((sum, gap) => sum + gap.bytes, 0));
  const parts = [...index.chunks, ...index.gaps].sort((a, b) => a.offset - b.offset);
  let offset = 0;
  const bytes = parts.map((part) => {
    // Invariant 11: neither gap nor overlap.
    expect(part.offset).toBe(offset);
    offset += part.bytes;
    if ("reason" in part) return Buffer.alloc(part.bytes);
    const object = bucket.objects.get(String(part.seq));
    if (object === undefined) throw new Error(`chunk ${part.seq} is in the index and not in the bucket`);
    expect([object.length, sha256Of(object)]).toEqual([part.gzipBytes, part.sha256]);
    const raw = gunzipSync(object);
    expect(raw.length).toBe(part.bytes);
    return raw;
  });
  expect(offset).toBe(seal.bytes);
  return Buffer.concat(bytes);
}

function indexOf(seal: LogSeal): LogIndex {
  if (seal.index.kind === "lost") throw new Error("the index is lost");
  if (seal.index.kind === "inline") return seal.index;
  const object = bucket.objects.get("log-index");
  expect([object?.length, object === undefined ? "" : sha256Of(object)]).toEqual([seal.index.bytes, seal.index.sha256]);
  return logIndexSchema.parse(JSON.parse(object?.toString() ?? "null"));
}

const MIB = 1_024 * 1_024;
/** Does not compress, so that spools fill. */
const noise = (bytes: number) => randomBytes(bytes);

describe("the log of an attempt", () => {
  test("a short log is one object, put with the grant's link, with no other call", async () => {
    const log = await open();
    await writeAll(log, Buffer.from("hello "), Buffer.from("world\n"));
    const seal = await log.seal();
    expect(readBack(seal).toString()).toBe("hello world\n");
    expect(bucket.puts).toEqual(["0"]);
    expect(asked).toEqual([]);
    expect(bucket.headers.get("0")?.["if-none-match"]).toBe("*");
    expect(existsSync(dir)).toBe(false);
  });

  test("an empty log needs no object at all", async () => {
    const log = await open();
    expect(await log.seal()).toEqual({
      bytes: 0,
      lostBytes: 0,
      chunkCount: 0,
      index: { kind: "inline", chunks: [], gaps: [] },
    });
    expect(bucket.puts).toEqual([]);
  });

  test("a long log is sealed by an index object, and nothing is uploaded twice", async () => {
    const log = await open();
    const all = noise(6 * MIB);
    for (let at = 0; at < all.length; at += 65_536) await log.write(all.subarray(at, at + 65_536));
    const seal = await log.seal();
    expect(seal.index.kind).toBe("object");
    expect(readBack(seal).equals(all)).toBe(true);
    expect(new Set(bucket.puts).size).toBe(bucket.puts.length);
    expect(log.losses()).toEqual([]);
  });

  test("every link but the grant's names the exact bytes and digest (SECURITY 27)", async () => {
    const log = await open();
    await writeAll(log, ...Array.from({ length: 6 }, () => noise(512 * 1_024)));
    await log.seal();
    for (const file of asked.flat()) {
      const object = bucket.objects.get(keyOf(file));
      expect([object?.length, object === undefined ? "" : sha256Of(object)]).toEqual([file.bytes, file.sha256]);
      expect(bucket.headers.get(keyOf(file))?.["x-amz-checksum-sha256"]).toBe(checksum(file.sha256));
    }
  });

  test("whoever watches sees output soon, whoever begins to watch sees what waited", async () => {
    const log = await open();
    await log.write(Buffer.from("one\n"));
    log.setWatched(true);
    const startedMs = systemClock.monotonicMs();
    await eventually("the first line", () => bucket.objects.has("0"));
    await log.write(Buffer.from("two\n"));
    await eventually("the second line", () => bucket.objects.has("1"));
    // Twice at most 500 ms; the rest is a busy machine's.
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(3_000);
    expect(readBack(await log.seal()).toString()).toBe("one\ntwo\n");
  });

  test("secrets are hidden across writes and across chunks (SECURITY 28)", async () => {
    const log = await open(undefined, { secrets: ["hunter2hunter2"], watched: true });
    await log.write(Buffer.from("a hunter2"));
    await eventually("the first chunk", () => bucket.objects.has("0"));
    await log.write(Buffer.from("hunter2 b"));
    expect(readBack(await log.seal()).toString()).toBe("a *** b");
  });

  test("chunks and gaps tile the log, whatever is written and whatever fails", async () => {
    const fates = fc.array(fc.constantFrom<PutFate>("keep", "lost", 500, 503, 403, 400), { maxLength: 30 });
    const sizes = fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, fates, async (lengths, plan) => {
        let at = 0;
        const log = await open(() => plan[at++] ?? "keep", { limits: { spoolMemoryBytesMax: 300_000, sealMs: 800 } });
        const all = Buffer.concat(lengths.map((length) => noise(length)));
        let from = 0;
        for (const length of lengths) {
          await log.write(all.subarray(from, from + length));
          from += length;
        }
        const seal = await log.seal();
        if (seal.index.kind !== "lost") {
          const back = readBack(seal);
          expect(back.length).toBe(all.length);
          for (const chunk of indexOf(seal).chunks)
            expect(
              back
                .subarray(chunk.offset, chunk.offset + chunk.bytes)
                .equals(all.subarray(chunk.offset, chunk.offset + chunk.bytes)),
            ).toBe(true);
        }
        await bucket.close();
      }),
      { numRuns: 8 },
    );
  });
});

describe("when the bucket is in trouble", () => {
  test("PUTs that fail a few times, or whose answer is lost, lose nothing", async () => {
    const log = await open((_, attempt) => (attempt === 1 ? 503 : attempt === 2 ? "lost" : "keep"));
    const all = noise(1.2 * MIB);
    await log.write(all);
    const seal = await log.seal();
    expect(seal.lostBytes).toBe(0);
    expect(readBack(seal).equals(all)).toBe(true);
  });

  test("a link that has expired is asked for anew", async () => {
    const log = await open((_, attempt) => (attempt === 1 ? 403 : "keep"));
    await log.write(Buffer.from("late"));
    expect(readBack(await log.seal()).toString()).toBe("late");
    expect(asked.flat().map(keyOf)).toEqual(["0"]);
  });

  test("every PUT fails: the seal comes in time, and says that all is lost", async () => {
    const log = await open(() => 500, { limits: { sealMs: 300 } });
    await log.write(noise(2 * MIB));
    const seal = await log.seal();
    expect(seal).toMatchObject({ bytes: 2 * MIB, lostBytes: 2 * MIB, chunkCount: 0 });
    expect(indexOf(seal).gaps).toEqual([{ offset: 0, bytes: 2 * MIB, reason: "upload_failed" }]);
    expect(log.losses().join()).toContain("the bucket answered 500");
  });

  test("a bucket that never answers cannot hold the seal", async () => {
    const log = await open(() => "hang");
    await log.write(Buffer.from("x"));
    expect((await log.seal(AbortSignal.timeout(200))).lostBytes).toBe(1);
  });

  test("an object of somebody else at the chunk's key is a loss, never a success", async () => {
    const log = await open();
    bucket.objects.set("0", Buffer.from("not ours"));
    await log.write(Buffer.from("ours"));
    expect((await log.seal()).lostBytes).toBe(4);
    expect(bucket.objects.get("0")?.toString()).toBe("not ours");
  });

  test("a stale lease ends the uploads at once", async () => {
    const stale = new ApiError(409, { code: "stale_lease", message: "expired", requestId: "r" });
    const log = await open(undefined, { upload: () => Promise.reject(stale) });
    await log.write(noise(3 * MIB));
    const seal = await log.seal();
    expect(seal.bytes).toBe(3 * MIB);
    expect(seal.lostBytes).toBeGreaterThan(0);
    expect(bucket.puts).toEqual(["0"]);
  });

  test("a full spool is a gap, and later output is kept again", async () => {
    let broken = true;
    const log = await open(() => (broken ? 503 : "keep"), {
      limits: { spoolMemoryBytesMax: 0, spoolBytesMax: 1.2 * MIB },
    });
    for (let at = 0; at < 8; at += 1) await log.write(noise(512 * 1_024));
    broken = false;
    const seal = await eventually("the spool to empty", () => bucket.objects.size >= 2 && log).then(async () => {
      await log.write(Buffer.from("the end"));
      return log.seal();
    });
    expect(indexOf(seal).gaps.map((gap) => gap.reason)).toEqual(["spool_full"]);
    expect(readBack(seal).subarray(-7).toString()).toBe("the end");
    expect(log.losses()).toHaveLength(1);
  });

  test("output over the limit is a gap, and the step goes on", async () => {
    const log = await open(undefined, { limits: { logBytesMax: 10 } });
    await writeAll(log, Buffer.from("12345678"), Buffer.from("90abc"), Buffer.from("def"));
    const seal = await log.seal();
    expect(indexOf(seal).gaps).toEqual([{ offset: 10, bytes: 6, reason: "limit" }]);
    expect(readBack(seal).subarray(0, 10).toString()).toBe("1234567890");
  });

  test("a discarded log stops in the middle and leaves nothing on the disk", async () => {
    const log = await open(() => "hang", { limits: { spoolMemoryBytesMax: 0 } });
    await log.write(noise(2 * MIB));
    await eventually("the spool", () => existsSync(dir));
    await log.discard();
    expect(existsSync(dir)).toBe(false);
    expect(() => log.write(Buffer.from("x"))).toThrow("discarded");
  });
});
