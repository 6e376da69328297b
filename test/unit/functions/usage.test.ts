import { expect, test } from "vitest";
import { processRegistry } from "../../../functions/process-registry.ts";
import { prometheusMeter } from "../../../functions/request-metrics.ts";
import { type AskSums, cloudwatchUsage, type Sum } from "../../../functions/usage/cloudwatch-usage.ts";
import { processUsage } from "../../../functions/usage/process-usage.ts";
import { prometheusStackMeter } from "../../../localstack/stack-meter.ts";
import { FUNCTIONS } from "../../../shared/resources.ts";

const NAMES = { table: "baton-table", functionName: (name: string) => `baton-${name}`, queues: ["baton-ticks"] };
const NOW_MS = Date.UTC(2026, 10, 21, 12);

test("a month's use is the sums of what AWS counts of this deployment's parts", async () => {
  const asked: Sum[] = [];
  let since = 0;
  const askSums: AskSums = async (wanted, sinceMs) => {
    asked.push(...wanted);
    since = sinceMs;
    return new Map(wanted.map((sum) => [sum, sum.metric === "Duration" ? 2_000 : 1]));
  };
  const { usage, notCounted } = await cloudwatchUsage(askSums, NAMES, NOW_MS);
  const functions = Object.keys(FUNCTIONS).length;
  const gigabytes = Object.values(FUNCTIONS).reduce((sum, { memoryMb }) => sum + memoryMb / 1_024, 0);
  expect(since).toBe(Date.UTC(2026, 10, 1));
  // The table and its two indexes; sent, received, deleted and empty receives of the one queue.
  expect(usage).toEqual({
    writeUnits: 3,
    readUnits: 3,
    sqsRequests: 4,
    invocations: functions,
    gigabyteSeconds: 2 * gigabytes,
    apiRequests: 4,
    s3Requests: undefined,
  });
  expect(notCounted).toContain("S3's requests");
  expect(asked).toContainEqual({
    namespace: "AWS/Lambda",
    metric: "Invocations",
    dimensions: { FunctionName: "baton-lease" },
  });
});

test("where CloudWatch has no value at all, the use is unknown", async () => {
  await expect(cloudwatchUsage(async () => new Map(), NAMES, NOW_MS)).rejects.toThrow("no values");
});

test("a process's own counters are its use, whichever function counted", async () => {
  const meter = prometheusMeter(processRegistry);
  const stack = prometheusStackMeter(processRegistry, meter);
  const write = { service: "DynamoDB", operation: "UpdateItem", items: 1, empty: false };
  meter({ ...write, units: { table: 2, indexes: 1 } });
  // A second function in the process counts on the same counters.
  prometheusMeter(processRegistry)({ ...write, operation: "Query", units: { table: 0.5, indexes: 0 } });
  meter({ service: "SQS", operation: "ReceiveMessage", items: 1, empty: true, units: undefined });
  stack.requested("POST /v1/runs");
  stack.invoked("api");
  const { usage, sinceMs } = await processUsage(processRegistry, 7);
  expect(sinceMs).toBe(7);
  expect(usage).toMatchObject({ writeUnits: 3, readUnits: 0.5, sqsRequests: 1, apiRequests: 1, invocations: 1 });
});
