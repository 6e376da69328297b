import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lendQueues } from "../../functions/lent-queues.ts";
import { AWS_REGION, poolQueueName, queueName, queueUrl } from "../../localstack/names.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { stackClients } from "../support/stack-clients.ts";

const stateDir = mkdtempSync(join(tmpdir(), "baton-queues-"));
let stack: SpawnedStack;
let sqs: ReturnType<typeof stackClients>["sqs"];
let QueueUrl: string;

beforeAll(async () => {
  const main = fileURLToPath(new URL("../support/fixture-stack.ts", import.meta.url));
  stack = await spawnStack({ stateDir, main });
  const clients = stackClients(stack, stateDir);
  sqs = clients.sqs;
  QueueUrl = queueUrl(clients.awsUrl, poolQueueName("default"));
});
afterAll(async () => {
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Body, receipt and how long it took, of one poll. */
async function poll(waitSeconds: number, abortSignal?: AbortSignal) {
  const startedAtMs = systemClock.monotonicMs();
  const input = { QueueUrl, WaitTimeSeconds: waitSeconds, VisibilityTimeout: 60 };
  const { Messages } = await sqs.send(new ReceiveMessageCommand(input), abortSignal ? { abortSignal } : {});
  const { Body, ReceiptHandle } = Messages?.[0] ?? {};
  return { Body, ReceiptHandle, tookMs: systemClock.monotonicMs() - startedAtMs };
}
const send = (MessageBody: string, DelaySeconds = 0) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds }));

test("a waiting poll gets a message as it is sent", async () => {
  const waiting = poll(5);
  await send("at once");
  const { Body, tookMs } = await waiting;
  expect(Body).toBe("at once");
  expect(tookMs).toBeLessThan(500);
});

test("of several waiting polls each gets a message of its own", async () => {
  const waiting = Promise.all([poll(5), poll(5), poll(5)]);
  for (const body of ["a", "b", "c"]) await send(body);
  expect((await waiting).map(({ Body }) => Body).sort()).toEqual(["a", "b", "c"]);
});

test("a waiting poll gets a delayed message when it is due, not before", async () => {
  const waiting = poll(5);
  await send("later", 1);
  const { Body, tookMs } = await waiting;
  expect(Body).toBe("later");
  expect(tookMs).toBeGreaterThan(950);
  expect(tookMs).toBeLessThan(2_000);
});

test("a waiting poll gets a message that another reader gave back", async () => {
  await send("returned");
  const { ReceiptHandle } = await poll(1);
  const waiting = poll(5);
  await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 1 }));
  const { Body, tookMs } = await waiting;
  expect(Body).toBe("returned");
  expect(tookMs).toBeLessThan(2_500);
});

test("a poll without messages ends when it said", async () => {
  const { Body, tookMs } = await poll(1);
  expect(Body).toBeUndefined();
  expect(tookMs).toBeGreaterThan(900);
  expect(tookMs).toBeLessThan(2_000);
});

test("a poll whose reader has gone takes no message with it", async () => {
  const gone = new AbortController();
  const abandoned = poll(5, gone.signal);
  // Answered after the poll has begun to wait: both came over the loopback in this order.
  await poll(1);
  gone.abort();
  await expect(abandoned).rejects.toMatchObject({ name: "AbortError" });
  await send("kept");
  expect((await poll(2)).Body).toBe("kept");
});

/** The runners' side of it: what a session is lent. */
async function lent(pools: readonly string[], clock = systemClock) {
  const key = Buffer.from(readFileSync(join(stateDir, "signing-key"), "utf8").trim(), "base64url");
  const { credentials } = await lendQueues(key, clock)({ pools, runnerId: "rnr_1", ephemeral: false });
  return credentials;
}
const clientOf = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) =>
  new SQSClient({ region: AWS_REGION, endpoint: new URL(QueueUrl).origin, credentials, maxAttempts: 1 });
const refusalOf = (error: unknown) => (error as Error).name;

test("SECURITY 6: case A1: the queues refuse whose signature is none, another's, or of another body", async () => {
  const url = new URL(QueueUrl).origin;
  const body = JSON.stringify({ QueueUrl, MessageBody: "planted" });
  const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage" };
  const unsigned = await fetch(url, { method: "POST", headers, body });
  expect([unsigned.status, await unsigned.text()]).toEqual([403, expect.stringContaining("InvalidClientTokenId")]);
  const stranger = clientOf({ accessKeyId: "embedded", secretAccessKey: "embedded" });
  expect(await stranger.send(new SendMessageCommand({ QueueUrl, MessageBody: "m" })).catch(refusalOf)).toBe(
    "InvalidClientTokenId",
  );
  const forged = clientOf({ ...(await lent(["default"])), secretAccessKey: "guessed" });
  const receive = new ReceiveMessageCommand({ QueueUrl });
  expect(await forged.send(receive).catch(refusalOf)).toBe("SignatureDoesNotMatch");
  // What was signed, with another queue in it.
  const genuine = clientOf(await lent(["default"]));
  genuine.middlewareStack.add(
    (next) => (call) => {
      const { request } = call as { request: { body: Uint8Array } };
      request.body = Buffer.from(Buffer.from(request.body).toString().replace("default", "tluafed"));
      return next(call);
    },
    { step: "finalizeRequest", priority: "low" },
  );
  expect(await genuine.send(receive).catch(refusalOf)).toBe("SignatureDoesNotMatch");
});

test("SECURITY 24: case A1: what a session is lent opens its pools' offers, and no other queue, action or time", async () => {
  await send("an offer");
  const mine = clientOf(await lent(["default"]));
  const { Messages = [] } = await mine.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(Messages).toHaveLength(1);
  await mine.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages[0]?.ReceiptHandle }));
  const other = clientOf(await lent(["gpu"]));
  const late = clientOf(await lent(["default"], { ...systemClock, nowMs: () => systemClock.nowMs() - 3_600_000 }));
  const plans = queueUrl(new URL(QueueUrl).origin, queueName("plans"));
  const refused = await Promise.all([
    mine.send(new SendMessageCommand({ QueueUrl, MessageBody: "planted" })).catch(refusalOf),
    mine.send(new ReceiveMessageCommand({ QueueUrl: plans })).catch(refusalOf),
    mine.send(new ReceiveMessageCommand({ QueueUrl: `${QueueUrl}?x=/${queueName("plans")}` })).catch(refusalOf),
    mine.send(new ListQueuesCommand({})).catch(refusalOf),
    other.send(new ReceiveMessageCommand({ QueueUrl })).catch(refusalOf),
    late.send(new ReceiveMessageCommand({ QueueUrl })).catch(refusalOf),
  ]);
  expect(refused).toEqual([...Array(5).fill("AccessDeniedException"), "ExpiredTokenException"]);
});

test("SECURITY 6: case A1: the queues answer neither a page of another origin nor a rebound name", async () => {
  const preflight = await fetch(new URL(QueueUrl).origin, {
    method: "OPTIONS",
    headers: { origin: "http://kittens.example", "access-control-request-method": "POST" },
  });
  expect(preflight.status).toBeGreaterThanOrEqual(400);
  expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  const rebound = clientOf(await lent(["default"]));
  rebound.middlewareStack.add(
    (next) => (call) => {
      const { request } = call as { request: { headers: Record<string, string> } };
      request.headers["host"] = "rebound.example";
      return next(call);
    },
    { step: "build", priority: "low" },
  );
  const refused = await rebound.send(new ReceiveMessageCommand({ QueueUrl })).catch((error: unknown) => error);
  expect(refused).toMatchObject({ $metadata: { httpStatusCode: 403 } });
});
