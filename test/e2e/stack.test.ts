import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { DescribeTableCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  BUCKET_NAME,
  deadLetterName,
  poolQueueName,
  queueArn,
  queueName,
  queueUrl,
  TABLE_NAME,
} from "../../localstack/names.ts";
import { type SpawnedStack, type SpawnOptions, StackError, spawnStack } from "../../localstack/spawn-stack.ts";
import { BODY_BYTES_MAX } from "../../shared/domain/limits.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { isAlive } from "../support/processes.ts";
import { stackClients } from "../support/stack-clients.ts";

const MAIN = fileURLToPath(new URL("../support/fixture-stack.ts", import.meta.url));
const PARENT = fileURLToPath(new URL("../support/stack-parent.ts", import.meta.url));
const RUN = "run_01h455vb4pex5vsknk084sn02q";
const WAIT = { timeout: 10_000, interval: 25 };

const folder = mkdtempSync(join(tmpdir(), "baton-stack-"));
const started: SpawnedStack[] = [];

async function start(options: SpawnOptions): Promise<SpawnedStack> {
  const stack = await spawnStack({ main: MAIN, ...options });
  started.push(stack);
  return stack;
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function seenBy(stack: SpawnedStack, name: string): Promise<Record<string, unknown>[]> {
  const reply = await fetch(`${stack.url}/metrics`);
  const seen = (await reply.json()) as { name: string; event: Record<string, unknown> }[];
  return seen.filter((one) => one.name === name).map(({ event }) => event);
}

/** Bodies of all records that a function saw, in order. */
async function bodiesSeenBy(stack: SpawnedStack, name: string): Promise<string[]> {
  const events = (await seenBy(stack, name)) as { Records: { body: string }[] }[];
  return events.flatMap(({ Records }) => Records.map(({ body }) => body));
}

describe("a running stack", () => {
  const stateDir = join(folder, "shared");
  let stack: SpawnedStack;
  beforeAll(async () => {
    stack = await start({ stateDir, memory: true });
  });
  afterAll(() => stack.stop());

  test("has the table, queues and bucket that shared/resources.ts names", async () => {
    const { dynamodb, sqs, s3, awsUrl } = stackClients(stack, stateDir);
    await s3.send(new HeadBucketCommand({ Bucket: BUCKET_NAME }));
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: TABLE_NAME }));
    expect(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName).sort()).toEqual(["by-project", "due"]);
    const attributes = async (name: string) => {
      const input = { QueueUrl: queueUrl(awsUrl, name), AttributeNames: ["All" as const] };
      return (await sqs.send(new GetQueueAttributesCommand(input))).Attributes ?? {};
    };
    const ticks = await attributes(queueName("ticks"));
    expect(ticks).toMatchObject({ VisibilityTimeout: "180", MessageRetentionPeriod: "86400" });
    expect(ticks["RedrivePolicy"]).toBe(
      JSON.stringify({ deadLetterTargetArn: queueArn(deadLetterName("ticks")), maxReceiveCount: 5 }),
    );
    expect(await attributes(poolQueueName("default"))).toMatchObject({ VisibilityTimeout: "30" });
  });

  test("keeps its tokens and its folder from everybody else", () => {
    for (const name of ["token", "runner-token", "signing-key", "stack.log"])
      expect(statSync(join(stateDir, name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
    expect(stack.token).toBe("baton_main_owner");
    expect(readFileSync(join(stateDir, "token"), "utf8").trim()).toBe(stack.token);
    const written: unknown = JSON.parse(readFileSync(join(stateDir, "stack.json"), "utf8"));
    expect(written).toEqual({ url: stack.url, pid: stack.pid });
  });

  test("turns a request into an API Gateway event and the answer into HTTP", async () => {
    const reply = await fetch(`${stack.url}/v1/runs/${RUN}/jobs/a%20b/log?after=3&x=1&x=2`, {
      headers: { authorization: "Bearer t", "X-Upper": "v", cookie: "a=1; b=2" },
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/json");
    const event = (await reply.json()) as Record<string, unknown>;
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "GET /v1/runs/{run}/jobs/{job}/log",
      rawPath: `/v1/runs/${RUN}/jobs/a%20b/log`,
      rawQueryString: "after=3&x=1&x=2",
      queryStringParameters: { after: "3", x: "1,2" },
      pathParameters: { run: RUN, job: "a b" },
      cookies: ["a=1", "b=2"],
      headers: { authorization: "Bearer t", "x-upper": "v" },
      requestContext: { http: { method: "GET", sourceIp: "127.0.0.1" }, stage: "$default" },
      isBase64Encoded: false,
    });
    expect((event["requestContext"] as { requestId: string }).requestId).toBe(reply.headers.get("apigw-requestid"));
  });

  test("passes text as it is and binary in base64", async () => {
    const post = (body: string | Uint8Array<ArrayBuffer>, type: string) =>
      fetch(`${stack.url}/v1/runs`, { method: "POST", body, headers: { "content-type": type } });
    expect(await (await post('{"ä":1}', "application/json")).json()).toMatchObject({
      body: '{"ä":1}',
      isBase64Encoded: false,
    });
    expect(await (await post(new Uint8Array([0, 255]), "application/octet-stream")).json()).toMatchObject({
      body: "AP8=",
      isBase64Encoded: true,
    });
  });

  test("refuses an unknown path, a wrong method and a broken function in the one envelope", async () => {
    const unknown = await fetch(`${stack.url}/v2/runs`);
    expect([unknown.status, await unknown.json()]).toEqual([404, expect.objectContaining({ code: "not_found" })]);
    const wrong = await fetch(`${stack.url}/v1/runs`, { method: "PATCH" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST, GET"]);
    for (const mood of ["throw", "nonsense"]) {
      const broken = await fetch(`${stack.url}/v1/runs`, { headers: { "x-fixture": mood } });
      expect([broken.status, await broken.json()]).toEqual([500, expect.objectContaining({ code: "internal" })]);
    }
  });

  test("refuses a body over the limit, declared or not, before it is all there", async () => {
    const large = Buffer.alloc(BODY_BYTES_MAX + 1);
    const declared = await fetch(`${stack.url}/v1/runs`, { method: "POST", body: large });
    expect([declared.status, await declared.json()]).toEqual([413, expect.objectContaining({ code: "too_large" })]);
    expect(await postUntilAnswered(`${stack.url}/v1/runs`)).toBe(413);
    const most = await fetch(`${stack.url}/v1/runs`, { method: "POST", body: Buffer.alloc(BODY_BYTES_MAX) });
    expect(most.status).toBe(200);
  });

  test("serves requests at once, each with its own event", async () => {
    const replies = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const reply = await fetch(`${stack.url}/v1/runs?limit=${i}`);
        return ((await reply.json()) as { rawQueryString: string }).rawQueryString;
      }),
    );
    expect(replies).toEqual(Array.from({ length: 100 }, (_, i) => `limit=${i}`));
  });

  test("delivers a batch again for the record that failed, and for it alone", async () => {
    const { sqs, awsUrl } = stackClients(stack, stateDir);
    const QueueUrl = queueUrl(awsUrl, queueName("ticks"));
    const bodies = ['{"id":"good"}', '{"id":"bad","failures":1}', '{"id":"throws","throws":1}'];
    for (const MessageBody of bodies) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    const left = async () => {
      const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
      const reply = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }));
      return Object.values(reply.Attributes ?? {}).map(Number);
    };
    await vi.waitFor(async () => expect(await left()).toEqual([0, 0]), WAIT);
    const seen = await bodiesSeenBy(stack, "reconcile");
    expect(seen.filter((body) => body === bodies[1])).toHaveLength(2);
    expect(seen.filter((body) => body === bodies[2])).toHaveLength(2);
    const events = (await seenBy(stack, "reconcile")) as { Records: Record<string, unknown>[] }[];
    expect(events[0]?.Records[0]).toMatchObject({
      eventSource: "aws:sqs",
      eventSourceARN: queueArn(queueName("ticks")),
      attributes: { ApproximateReceiveCount: "1" },
    });
  });

  test("a stack on the same port says that it is in use", async () => {
    const options = { stateDir: join(folder, "other"), memory: true, port: stack.ports.gateway };
    await expect(start(options)).rejects.toBeInstanceOf(StackError);
    await expect(start(options)).rejects.toMatchObject({ code: "port_in_use" });
  });

  test("a stack on the same folder says who has it", async () => {
    await expect(start({ stateDir })).rejects.toMatchObject({
      code: "state_locked",
      message: expect.stringContaining(`process ${stack.pid}`),
    });
  });

  test("a folder that cannot be made is one clear line", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(start({ stateDir: join(folder, "file", "state") })).rejects.toMatchObject({
      code: "state_unwritable",
    });
  });

  test("leaves only tokens and log on disk when in memory", async () => {
    const { s3 } = stackClients(stack, stateDir);
    await s3.send(new PutObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/x", Body: "x" }));
    expect(() => statSync(join(stateDir, "table.db"))).toThrow("ENOENT");
    expect(() => statSync(join(stateDir, "queues-and-bucket"))).toThrow("ENOENT");
  });
});

test("the real functions reach table, queues and bucket, and know both tokens by their scopes", async () => {
  const stateDir = join(folder, "real");
  const stack = await spawnStack({ stateDir, memory: true });
  started.push(stack);
  const runnerToken = readFileSync(stack.runnerTokenFile, "utf8").trim();
  const call = (method: string, path: string, token: string, body?: unknown) =>
    fetch(stack.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  expect((await fetch(`${stack.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${stack.url}/readyz`)).status).toBe(401);
  const ready = await call("GET", "/readyz", stack.token);
  expect([ready.status, await ready.json()]).toEqual([200, { ok: true, reached: ["table", "queues", "bucket"] }]);
  expect((await call("GET", "/readyz", runnerToken)).status).toBe(403);
  const session = { name: "r", pools: ["default"], slots: 1 };
  expect((await call("POST", "/v1/sessions", runnerToken, session)).status).toBe(201);
  await stack.stop();
});

describe("a stack that ends", () => {
  afterEach(() => {
    for (const stack of started) stack.kill();
  });

  test("takes its engine with it when its parent is killed", async () => {
    const parent = spawn(process.execPath, [PARENT, join(folder, "orphan"), MAIN], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const { pid, enginePid } = parentLine.parse(JSON.parse(line.toString("utf8")));
    expect([isAlive(pid), isAlive(enginePid)]).toEqual([true, true]);
    parent.kill("SIGKILL");
    await vi.waitFor(() => expect([isAlive(pid), isAlive(enginePid)]).toEqual([false, false]), WAIT);
  });

  test("takes its engine with it when it is killed itself", async () => {
    const stack = await start({ stateDir: join(folder, "killed"), memory: true });
    stack.kill();
    expect(await stack.exited).toEqual({ code: null, signal: "SIGKILL" });
    await vi.waitFor(() => expect(isAlive(stack.enginePid)).toBe(false), WAIT);
  });

  test("ends when its engine does", async () => {
    const stack = await start({ stateDir: join(folder, "lame"), memory: true });
    process.kill(stack.enginePid, "SIGKILL");
    await stack.exited;
  });

  test("stops in well under two seconds, with polls waiting and a connection open", async () => {
    const stack = await start({ stateDir: join(folder, "quick") });
    await fetch(`${stack.url}/metrics`);
    const before = systemClock.monotonicMs();
    await stack.stop();
    expect(systemClock.monotonicMs() - before).toBeLessThan(1_500);
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(stack.enginePid)).toBe(false);
    expect(() => statSync(join(folder, "quick", "stack.json"))).toThrow("ENOENT");
  });

  test("finds items, messages, objects and tokens again after kill -9", async () => {
    const stateDir = join(folder, "kept");
    const first = await start({ stateDir });
    const before = stackClients(first, stateDir);
    const QueueUrl = queueUrl(before.awsUrl, poolQueueName("default"));
    const lifecycle = await before.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: BUCKET_NAME }));
    expect(lifecycle.Rules?.map(({ ID }) => ID)).toEqual(["logs/", "artifacts/", "specs/"]);
    await before.dynamodb.send(
      new PutItemCommand({ TableName: TABLE_NAME, Item: { pk: { S: "p" }, sk: { S: "s" }, n: { N: "7" } } }),
    );
    await before.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "offer" }));
    await before.s3.send(new PutObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/a/b.gz", Body: "bytes" }));
    first.kill();
    await first.exited;

    const second = await start({ stateDir });
    const after = stackClients(second, stateDir);
    expect([second.token, second.ports.aws]).toEqual([first.token, first.ports.aws]);
    const Key = { pk: { S: "p" }, sk: { S: "s" } };
    const { Item } = await after.dynamodb.send(new GetItemCommand({ TableName: TABLE_NAME, Key }));
    expect(Item?.["n"]?.N).toBe("7");
    const { Messages } = await after.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages?.map(({ Body }) => Body)).toEqual(["offer"]);
    const object = await after.s3.send(new GetObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/a/b.gz" }));
    expect(await object.Body?.transformToString()).toBe("bytes");
    await vi.waitFor(async () => expect(await seenBy(second, "sweep")).not.toHaveLength(0), WAIT);
    await second.stop();
  });

  test("gives a killed stack's received messages to the next one within seconds", async () => {
    const stateDir = join(folder, "received");
    const first = await start({ stateDir });
    const { sqs, awsUrl } = stackClients(first, stateDir);
    const QueueUrl = queueUrl(awsUrl, queueName("ticks"));
    // Invisible for 180 s, since a function that never answers holds it.
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{"hangs":1}' }));
    await vi.waitFor(async () => expect(await bodiesSeenBy(first, "reconcile")).not.toHaveLength(0), WAIT);
    first.kill();
    await first.exited;
    const second = await start({ stateDir });
    await vi.waitFor(async () => expect(await bodiesSeenBy(second, "reconcile")).toHaveLength(1), WAIT);
    await second.stop();
  });

  test("loses nothing that was acknowledged, whenever it is killed", async () => {
    const stateDir = join(folder, "any-moment");
    let acknowledged: string[] = [];
    for (const killAfter of [3, 11, 29]) {
      const stack = await start({ stateDir });
      const { dynamodb, sqs, s3, awsUrl } = stackClients(stack, stateDir);
      const missing = await Promise.all(acknowledged.map(async (id) => !(await isThere({ dynamodb, s3 }, id)) && id));
      expect(missing.filter(Boolean)).toEqual([]);
      const QueueUrl = queueUrl(awsUrl, poolQueueName("default"));
      const writes = Array.from({ length: 60 }, async (_, i) => {
        const id = `${killAfter}-${i}`;
        await dynamodb.send(new PutItemCommand({ TableName: TABLE_NAME, Item: { pk: { S: id }, sk: { S: "s" } } }));
        await s3.send(new PutObjectCommand({ Bucket: BUCKET_NAME, Key: `logs/${id}`, Body: id.repeat(1_000) }));
        await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: id }));
        acknowledged = [...acknowledged, id];
        if (acknowledged.length % 40 === killAfter) stack.kill();
      });
      await Promise.allSettled(writes);
      stack.kill();
      await stack.exited;
    }
    expect(acknowledged.length).toBeGreaterThan(10);
    const log = readFileSync(join(stateDir, "stack.log"), "utf8");
    expect(log).not.toContain('"ERROR"');
  });
});

const parentLine = z.object({ pid: z.int(), enginePid: z.int() });

/** Posts far more than the limit, and without a declared length, until the status is there. */
async function postUntilAnswered(url: string): Promise<number | undefined> {
  const post = request(url, { method: "POST" });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    post.once("response", (response) => resolve(response.statusCode));
    post.once("error", reject);
  });
  Readable.from(pieces()).pipe(post);
  const status = await answered;
  post.destroy();
  return status;
}

function* pieces(): Generator<Buffer> {
  for (let i = 0; i < 64; i += 1) yield Buffer.alloc(65_536);
}

async function isThere(clients: Pick<ReturnType<typeof stackClients>, "dynamodb" | "s3">, id: string) {
  const Key = { pk: { S: id }, sk: { S: "s" } };
  const { Item } = await clients.dynamodb.send(
    new GetItemCommand({ TableName: TABLE_NAME, Key, ConsistentRead: true }),
  );
  const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: BUCKET_NAME, Key: `logs/${id}` }));
  return Item !== undefined && (await Body?.transformToString()) === id.repeat(1_000);
}
