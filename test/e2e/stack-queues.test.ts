import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ChangeMessageVisibilityCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { poolQueueName, queueUrl } from "../../localstack/names.ts";
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
