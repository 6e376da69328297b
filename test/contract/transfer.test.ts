import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { downloadTo, TransferError, uploadFile } from "../../shared/lib/transfer.ts";
import { type HttpBucket, startHttpBucket } from "../support/http-bucket.ts";

const content = randomBytes(700_000);
const expected = { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
let dir: string;
let bucket: HttpBucket;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "baton-transfer-"));
  await writeFile(join(dir, "source"), content);
});
afterEach(async () => {
  await bucket.close();
  await rm(dir, { recursive: true, force: true });
});

const once = { "if-none-match": "*" };

test("a file goes up and comes down whole, over failures and lost answers", async () => {
  bucket = await startHttpBucket((_, attempt) => (attempt === 1 ? 503 : attempt === 2 ? "lost" : "keep"));
  await uploadFile(bucket.link("PUT", "a", once), join(dir, "source"), content.length);
  await downloadTo(bucket.link("GET", "a"), join(dir, "copy"), expected);
  expect((await readFile(join(dir, "copy"))).equals(content)).toBe(true);
});

test("an object that is there already, and not ours, is an error", async () => {
  bucket = await startHttpBucket();
  bucket.objects.set("a", Buffer.from("other"));
  const upload = uploadFile(bucket.link("PUT", "a", once), join(dir, "source"), content.length);
  await expect(upload).rejects.toMatchObject({ name: "TransferError", status: 412 });
});

test("a refused link is not tried again", async () => {
  bucket = await startHttpBucket(() => 403);
  const upload = uploadFile(bucket.link("PUT", "a"), join(dir, "source"), content.length);
  await expect(upload).rejects.toMatchObject({ status: 403 });
  expect(bucket.puts).toHaveLength(1);
});

test("a download with another digest, or longer than promised, never becomes a file (SECURITY 32)", async () => {
  bucket = await startHttpBucket();
  const changed = Buffer.from(content);
  changed[9] = (content[9] ?? 0) ^ 1;
  for (const object of [changed, Buffer.concat([content, Buffer.from("x")]), content.subarray(1)]) {
    bucket.objects.set("a", object);
    await expect(downloadTo(bucket.link("GET", "a"), join(dir, "copy"), expected)).rejects.toThrow(TransferError);
  }
  expect(await readdir(dir)).toEqual(["source"]);
});

test("an abort ends a transfer that hangs", async () => {
  bucket = await startHttpBucket(() => "hang");
  const link = bucket.link("PUT", "a");
  await expect(uploadFile(link, join(dir, "source"), content.length, AbortSignal.timeout(100))).rejects.toThrow();
});
