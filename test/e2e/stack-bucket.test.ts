import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUCKET_NAME } from "../../localstack/names.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { makeS3Bucket } from "../../shared/store/s3-bucket.ts";
import { eventually } from "../support/eventually.ts";
import { stackClients } from "../support/stack-clients.ts";

/** The embedded bucket refuses what S3 refuses (SECURITY 27): else a link that is signed too weakly would go unnoticed. */

const MAIN = fileURLToPath(new URL("../support/fixture-stack.ts", import.meta.url));
const stateDir = mkdtempSync(join(tmpdir(), "baton-bucket-"));
let stack: SpawnedStack;
let clients: ReturnType<typeof stackClients>;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, main: MAIN });
  clients = stackClients(stack, stateDir);
});
afterAll(async () => {
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

const BODY = Buffer.from("what the link is for");
const DIGEST = createHash("sha256").update(BODY).digest("base64");

/** A link as the control plane makes it: it signs length, checksum and If-None-Match. */
async function uploadLink(key: string, expiresIn = 60, body = BODY) {
  const digest = createHash("sha256").update(body).digest("base64");
  const command = new PutObjectCommand({
    Bucket: BUCKET_NAME,
    Key: key,
    ContentLength: body.length,
    ChecksumSHA256: digest,
    IfNoneMatch: "*",
  });
  const url = await getSignedUrl(clients.s3, command, {
    expiresIn,
    signableHeaders: new Set(["content-length", "if-none-match"]),
    unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
  });
  return { url, headers: { "if-none-match": "*", "x-amz-checksum-sha256": digest } };
}

/** Status and S3 error code. `fetch` would not let a test send what it wants. */
function send(method: string, url: string, headers: Record<string, string> = {}, body: Buffer = Buffer.alloc(0)) {
  return new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
    // A path as it is: a URL would resolve its dots.
    const [, host = "", port = "", path = ""] = /^http:\/\/([^:]+):(\d+)(.*)$/.exec(url) ?? [];
    const options = { host, port, path, method, headers: { "content-length": body.length, ...headers } };
    const call = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve([response.statusCode, /<Code>(\w+)</.exec(text)?.[1]]));
    });
    call.on("error", reject).end(body);
  });
}

/** Sends the beginning of a body. */
function begin(url: string, headers: Record<string, string>, beginning: Buffer): ClientRequest {
  const { hostname, port, pathname, search } = new URL(url);
  const call = request({ host: hostname, port, path: pathname + search, method: "PUT", headers });
  call.on("error", () => undefined);
  call.write(beginning);
  return call;
}

test("a link uploads once: If-None-Match refuses the second time (SECURITY 27)", async () => {
  const { url, headers } = await uploadLink("logs/once");
  expect(await send("PUT", url, headers, BODY)).toEqual([200, undefined]);
  expect(await send("PUT", url, headers, BODY)).toEqual([412, "PreconditionFailed"]);
  const again = new PutObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/once", Body: "other", IfNoneMatch: "*" });
  await expect(clients.s3.send(again)).rejects.toMatchObject({ name: "PreconditionFailed" });
  const object = await clients.s3.send(new GetObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/once" }));
  expect(await object.Body?.transformToString()).toBe(BODY.toString());
});

test("of 20 uploads to one key at once, one wins", async () => {
  const { url, headers } = await uploadLink("logs/race");
  const answers = await Promise.all(Array.from({ length: 20 }, () => send("PUT", url, headers, BODY)));
  expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
  expect(answers.filter(([status]) => status === 412)).toHaveLength(19);
});

test("a link is for its length, its content, its key, its method and its headers (SECURITY 27)", async () => {
  const { url, headers } = await uploadLink("logs/exact");
  const longer = Buffer.concat([BODY, BODY]);
  const swapped = Buffer.from([...BODY].reverse());
  expect(await send("PUT", url, headers, longer)).toEqual([403, "SignatureDoesNotMatch"]);
  expect(await send("PUT", url, headers, swapped)).toEqual([400, "BadDigest"]);
  expect(await send("PUT", url.replace("logs/exact", "logs/other"), headers, BODY)).toEqual([
    403,
    "SignatureDoesNotMatch",
  ]);
  expect(await send("GET", url, headers)).toEqual([403, "SignatureDoesNotMatch"]);
  expect(await send("PUT", url, { "x-amz-checksum-sha256": DIGEST }, BODY)).toEqual([403, "SignatureDoesNotMatch"]);
  expect(await send("PUT", url, { ...headers, "x-amz-meta-owner": "me" }, BODY)).toEqual([403, "AccessDenied"]);
  const head = new HeadObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/exact" });
  await expect(clients.s3.send(head)).rejects.toMatchObject({ name: "NotFound" });
  expect(await send("PUT", url, headers, BODY)).toEqual([200, undefined]);
});

test("a link ends when it says (SECURITY 27)", async () => {
  const { url, headers } = await uploadLink("logs/late", 60);
  const earlier = url.replace(/X-Amz-Expires=\d+/, "X-Amz-Expires=1");
  expect(await send("PUT", earlier, headers, BODY)).toEqual([403, "SignatureDoesNotMatch"]);
  const command = new GetObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/late" });
  const past = await getSignedUrl(clients.s3, command, { expiresIn: 60, signingDate: new Date(0) });
  expect(await send("GET", past)).toEqual([403, "AccessDenied"]);
});

test("nobody comes without credentials, nor with other ones", async () => {
  const plain = `${clients.awsUrl}/${BUCKET_NAME}/logs/once`;
  expect(await send("GET", plain)).toEqual([403, "AccessDenied"]);
  expect(await send("DELETE", plain)).toEqual([403, "AccessDenied"]);
  const { url, headers } = await uploadLink("logs/strange");
  expect(await send("PUT", url.replace(/BATON[0-9A-F]{16}/, "SOMEBODYELSES"), headers, BODY)).toEqual([
    403,
    "InvalidAccessKeyId",
  ]);
});

test("a key cannot climb", async () => {
  for (const key of ["logs/../../escape", "..", "logs/./x"]) {
    const path = key.replaceAll("/", "%2F").replaceAll(".", "%2E");
    expect(await send("PUT", `${clients.awsUrl}/${BUCKET_NAME}/${path}`, {}, BODY), key).toEqual([
      400,
      "InvalidArgument",
    ]);
  }
});

test("what the embedded bucket cannot do it says, and changes nothing", async () => {
  await clients.s3.send(new PutObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/tagged", Body: "kept" }));
  const tagging = { Bucket: BUCKET_NAME, Key: "logs/tagged", Tagging: { TagSet: [{ Key: "a", Value: "b" }] } };
  await expect(clients.s3.send(new PutObjectTaggingCommand(tagging))).rejects.toMatchObject({ name: "NotImplemented" });
  const object = await clients.s3.send(new GetObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/tagged" }));
  expect(await object.Body?.transformToString()).toBe("kept");
  expect(await send("GET", `${clients.awsUrl}/_fauxqs/queues`)).toEqual([501, "NotImplemented"]);
});

test("a web page cannot write through the browser", async () => {
  const { url, headers } = await uploadLink("logs/page");
  expect(await send("PUT", url, { ...headers, origin: "https://example.com" }, BODY)).toEqual([403, "AccessForbidden"]);
  expect(await send("PUT", url, { ...headers, host: "rebound.example.com" }, BODY)).toEqual([403, "AccessDenied"]);
});

test("case A7: an object that is not there, or is larger than whoever reads it expects, is none", async () => {
  const bucket = makeS3Bucket(clients.s3, BUCKET_NAME);
  expect(await bucket.get("logs/never-stored", 1_000)).toBeUndefined();
  await bucket.put("logs/small", "0123456789");
  expect(await bucket.get("logs/small", 10)).toEqual(Buffer.from("0123456789"));
  expect(await bucket.get("logs/small", 9)).toBeUndefined();
});

describe("case L5: a large object", () => {
  const MIB = 1_024 * 1_024;
  const files = () => readdirSync(join(stateDir, "large-objects"));
  const put = (Key: string, Body: Buffer, change = {}) =>
    clients.s3.send(new PutObjectCommand({ Bucket: BUCKET_NAME, Key, Body, ...change }));
  const bodyOf = async (Key: string) => {
    const object = await clients.s3.send(new GetObjectCommand({ Bucket: BUCKET_NAME, Key }));
    return Buffer.from((await object.Body?.transformToByteArray()) ?? []);
  };

  test("is stored and read back, beside small ones, and its length is its own", async () => {
    const body = randomBytes(40 * MIB);
    await put("artifacts/large", body);
    await put("artifacts/small", Buffer.from("small"));
    expect((await bodyOf("artifacts/large")).equals(body)).toBe(true);
    expect((await bodyOf("artifacts/small")).toString()).toBe("small");
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: BUCKET_NAME, Key: "artifacts/large" }));
    expect([head.ContentLength, head.Metadata]).toEqual([body.length, {}]);
    expect(files()).toHaveLength(1);
  });

  test("that is not what its link says is refused, and leaves no file (SECURITY 27)", async () => {
    const body = randomBytes(9 * MIB);
    const { url, headers } = await uploadLink("artifacts/strict", 60, body);
    const before = files();
    expect(await send("PUT", url, headers, Buffer.concat([body, body]))).toEqual([403, "SignatureDoesNotMatch"]);
    expect(await send("PUT", url, headers, randomBytes(9 * MIB))).toEqual([400, "BadDigest"]);
    expect(files()).toEqual(before);
    expect(await send("PUT", url, headers, body)).toEqual([200, undefined]);
    // A second upload of the same link is refused, and so is its file.
    expect(await send("PUT", url, headers, body)).toEqual([412, "PreconditionFailed"]);
    expect(files()).toHaveLength(before.length + 1);
  });

  test("of several uploads to one key at once, one wins, and its file alone stays", async () => {
    const body = randomBytes(9 * MIB);
    const { url, headers } = await uploadLink("artifacts/race", 60, body);
    const before = files().length;
    const answers = await Promise.all(Array.from({ length: 4 }, () => send("PUT", url, headers, body)));
    expect(answers.map(([status]) => status).sort()).toEqual([200, 412, 412, 412]);
    expect(files()).toHaveLength(before + 1);
  });

  test("whose upload breaks off is not there", async () => {
    const body = randomBytes(9 * MIB);
    const { url, headers } = await uploadLink("artifacts/broken", 60, body);
    const before = files();
    const whole = { ...headers, "content-length": String(body.length) };
    const begun = begin(url, whole, body.subarray(0, 5 * MIB));
    await eventually("it is on its way", () => files().length > before.length);
    begun.destroy();
    await eventually("what came of it is gone", () => files().length === before.length);
    expect(await send("PUT", url, headers, body)).toEqual([200, undefined]);
  });

  test("is overwritten and deleted with its file, and cannot be made up", async () => {
    const before = files();
    const added = () => files().filter((name) => !before.includes(name)).length;
    // The server answers, and then removes the file that nothing names any more.
    const left = (count: number) => eventually(`${count} files more than before`, () => added() === count);
    await put("artifacts/again", randomBytes(9 * MIB));
    await put("artifacts/again", randomBytes(10 * MIB));
    await left(1);
    await put("artifacts/again", Buffer.from("small now"));
    await left(0);
    expect((await bodyOf("artifacts/again")).toString()).toBe("small now");
    await put("artifacts/again", randomBytes(9 * MIB));
    await clients.s3.send(new DeleteObjectCommand({ Bucket: BUCKET_NAME, Key: "artifacts/again" }));
    await left(0);
    expect(files()).toEqual(before);
    const madeUp = put("artifacts/made-up", Buffer.from("x"), { Metadata: { "baton-large-object": "../table.db" } });
    await expect(madeUp).rejects.toMatchObject({ name: "NotImplemented" });
  });

  test("is there after a restart", async () => {
    const body = randomBytes(9 * MIB);
    await put("artifacts/lasting", body);
    stack.kill();
    await stack.exited;
    stack = await spawnStack({ stateDir, main: MAIN });
    clients = stackClients(stack, stateDir);
    expect((await bodyOf("artifacts/lasting")).equals(body)).toBe(true);
  });
});
