import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { Context, ScheduledEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FunctionDeps, makeDeps } from "../../functions/deps.ts";
import { sweepLambda } from "../../functions/sweep-call.ts";
import { makeSweepDeps } from "../../functions/sweep-deps.ts";
import { reachTableBy } from "../../functions/table-transport.ts";
import { IDLE_SWEEP } from "../../infra/idle-bill.ts";
import { createTable } from "../../localstack/create-resources.ts";
import { findDynamoEngine, startDynamoEngine } from "../../localstack/dynamo-engine.ts";
import { TABLE_NAME } from "../../localstack/names.ts";
import { parseSamples, requestCounts, since } from "../support/request-counts.ts";
import { tableClient } from "../support/table-client.ts";

/** What the idle bill assumes of a sweep that finds nothing, asked of the real one on the real engine. */

const REMAINING_MS = 30_000;

let engine: Awaited<ReturnType<typeof startDynamoEngine>>;
let deps: FunctionDeps;

beforeAll(async () => {
  process.env["AWS_ACCESS_KEY_ID"] = "test";
  process.env["AWS_SECRET_ACCESS_KEY"] = "test";
  process.env["AWS_REGION"] = "us-east-1";
  engine = await startDynamoEngine(findDynamoEngine(process.platform, process.arch), undefined);
  await createTable(new DynamoDBClient({ ...tableClient(engine.reach), region: "us-east-1" }));
  if (engine.reach.agent !== undefined) reachTableBy(engine.reach.agent);
  deps = makeDeps({
    AWS_REGION: "us-east-1",
    AWS_ENDPOINT_URL_DYNAMODB: engine.reach.endpoint,
    BATON_TABLE: TABLE_NAME,
    BATON_BUCKET: "none",
    BATON_TICKS_QUEUE_URL: "http://127.0.0.1:9/ticks",
    BATON_PLANS_QUEUE_URL: "http://127.0.0.1:9/plans",
    BATON_REPORTS_QUEUE_URL: "http://127.0.0.1:9/reports",
    BATON_POOL_QUEUE_URL_PREFIX: "http://127.0.0.1:9/pool-",
    BATON_POOLS: ["default"],
    BATON_SECRETS: "ssm",
    BATON_FORGE_HOSTS: "api.github.com",
    BATON_API_POLLING: "off",
    BATON_TENANT: "main",
    BATON_OFFER_COPIES: 1,
    BATON_LOG_LEVEL: "INFO",
    BATON_READING_THREAD: "off",
  });
});
afterAll(() => engine.stop());

test("a sweep that finds nothing costs no more than the idle bill says, and tells no metric", async () => {
  const sweep = sweepLambda(makeSweepDeps(deps));
  const call = () =>
    sweep({} as ScheduledEvent, { getRemainingTimeInMillis: () => REMAINING_MS } as Context, {
      signal: new AbortController().signal,
    });
  const read = async () => parseSamples(await deps.observer.prometheus());
  await call(); // The first makes the item that the others change.
  const before = await read();
  const written: string[] = [];
  const stdout = spyOn(written);
  await call();
  stdout.restore();
  const counts = requestCounts(since(before, await read()));
  process.stdout.write(
    `  an idle sweep: ${counts.readUnits} read units, ${counts.writeUnits} write units, ${written.join("").length} bytes of log\n`,
  );
  expect(counts.readUnits).toBeLessThanOrEqual(IDLE_SWEEP.readUnits);
  expect(counts.writeUnits).toBeLessThanOrEqual(IDLE_SWEEP.writeUnits);
  expect(counts.sqs + counts.s3).toBe(0);
  expect(written.join("").length + LAMBDA_LINES_BYTES).toBeLessThanOrEqual(IDLE_SWEEP.logBytes);
  // A metric that is told each minute is $0.30 a month.
  expect(written.join("")).not.toContain("CloudWatchMetrics");
});

/** START, END and REPORT of each invocation, as CloudWatch counts them: with 26 bytes each. */
const LAMBDA_LINES_BYTES = 450;

/** Keeps what this process writes meanwhile. */
function spyOn(written: string[]): { restore(): void } {
  const original = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((chunk: string | Uint8Array) => {
    written.push(String(chunk));
    return true;
  }) as typeof process.stdout.write;
  return {
    restore: () => {
      process.stdout.write = original;
    },
  };
}
