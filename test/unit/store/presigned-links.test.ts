import { createHash } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { refuseSignature } from "../../../localstack/aws-requests/signature.ts";
import { DOWNLOAD_URL_MS, UPLOAD_URL_MS } from "../../../shared/domain/limits.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { SignedRequest } from "../../../shared/protocol/leases.ts";
import { makeS3Bucket } from "../../../shared/store/s3-bucket.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../support/times.ts";

/** SECURITY 27, on the real signer, judged by the verifier that is held to AWS's own examples. */

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
const client = new S3Client({
  region: "us-east-1",
  credentials,
  endpoint: "http://127.0.0.1:9",
  forcePathStyle: true,
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
});
const bucket = makeS3Bucket(client, "baton-products");

const BYTES = Buffer.from("the log of an attempt");
const sha256 = createHash("sha256").update(BYTES).digest("hex");
const KEY = "logs/main/run_1/one/1/00000001.gz";

/** The request as an HTTP client sends it. */
function sent({ method, url, headers }: SignedRequest, bytes: number | undefined) {
  const at = new URL(url);
  const length = bytes === undefined ? {} : { "content-length": String(bytes) };
  return { method: method as string, url: at.pathname + at.search, headers: { host: at.host, ...headers, ...length } };
}
const refused = (request: ReturnType<typeof sent>, afterMs = 0) =>
  refuseSignature(request, credentials, systemClock.nowMs() + afterMs) !== undefined;

test("a link to upload is good for exactly what it was signed for (SECURITY 27)", async () => {
  const put = sent(await bucket.signPut({ key: KEY, bytes: BYTES.length, sha256 }), BYTES.length);
  expect(refused(put)).toBe(false);
  const otherSum = createHash("sha256").update("other").digest("base64");
  const headers: Record<string, string> = put.headers;
  const changes = {
    "another method": { ...put, method: "DELETE" },
    "reading instead": { ...put, method: "GET" },
    "another key": { ...put, url: put.url.replace("00000001.gz", "00000002.gz") },
    "another attempt": { ...put, url: put.url.replace("/one/1/", "/one/2/") },
    "another bucket": { ...put, url: put.url.replace("baton-products", "other") },
    "another length": { ...put, headers: { ...headers, "content-length": String(BYTES.length + 1) } },
    "another checksum": { ...put, headers: { ...headers, "x-amz-checksum-sha256": otherSum } },
    overwriting: { ...put, headers: { ...headers, "if-none-match": "etag" } },
    "a longer life": { ...put, url: put.url.replace("X-Amz-Expires=900", "X-Amz-Expires=604800") },
  };
  for (const [name, change] of Object.entries(changes)) {
    expect(change, name).not.toEqual(put);
    expect(refused(change as typeof put), name).toBe(true);
  }
  for (const header of ["content-length", "x-amz-checksum-sha256", "if-none-match"]) {
    const { [header]: _left, ...rest } = headers;
    expect(refused({ ...put, headers: rest } as typeof put), `without ${header}`).toBe(true);
  }
});

test("a link to upload names its digest as S3 does, and forbids to overwrite (SECURITY 27)", async () => {
  const { url, headers } = await bucket.signPut({ key: KEY, bytes: BYTES.length, sha256 });
  expect(headers).toEqual({
    "if-none-match": "*",
    "x-amz-checksum-sha256": createHash("sha256").update(BYTES).digest("base64"),
  });
  const signedHeaders = new URL(url).searchParams.get("X-Amz-SignedHeaders")?.split(";");
  expect(signedHeaders?.toSorted()).toEqual(["content-length", "host", "if-none-match", "x-amz-checksum-sha256"]);
});

test("a link for a log's first chunk, whose length nobody knows yet, still names one key and forbids to overwrite", async () => {
  const put = sent(await bucket.signPut({ key: KEY }), 99);
  expect(refused(put)).toBe(false);
  expect(refused({ ...put, url: put.url.replace("00000001", "00000002") })).toBe(true);
  expect(refused({ ...put, headers: { host: put.headers.host } as typeof put.headers })).toBe(true);
});

test("links live for minutes (SECURITY 27)", async () => {
  const put = sent(await bucket.signPut({ key: KEY, bytes: BYTES.length, sha256 }), BYTES.length);
  const get = sent(await bucket.signGet(KEY), undefined);
  for (const [link, lifeMs] of [
    [put, UPLOAD_URL_MS],
    [get, DOWNLOAD_URL_MS],
  ] as const) {
    expect(lifeMs).toBeLessThan(HOUR_MS);
    expect(refused(link, lifeMs - MINUTE_MS)).toBe(false);
    expect(refused(link, lifeMs + SECOND_MS)).toBe(true);
  }
});

test("a link to download reads one key, and writes nothing (SECURITY 27)", async () => {
  const get = sent(await bucket.signGet(KEY), undefined);
  expect(refused(get)).toBe(false);
  expect(refused({ ...get, method: "PUT" })).toBe(true);
  expect(refused({ ...get, url: get.url.replace("run_1", "run_2") })).toBe(true);
});

test("an empty file's length is signed too", async () => {
  const empty = createHash("sha256").update("").digest("hex");
  const put = sent(await bucket.signPut({ key: KEY, bytes: 0, sha256: empty }), 0);
  expect(refused(put)).toBe(false);
  expect(refused({ ...put, headers: { ...put.headers, "content-length": "1" } })).toBe(true);
});
