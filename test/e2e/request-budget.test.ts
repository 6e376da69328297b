import { describe, expect, type TestContext, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type MeteredStack, startMeteredStack } from "../support/metered-stack.ts";
import { oneJobCounts } from "../support/one-job-counts.ts";
import { requestCounts, type Samples, since } from "../support/request-counts.ts";
import { createRunOf } from "../support/run-ends.ts";
import { makeStepFiles } from "../support/step-files.ts";

/** DESIGN section 9: what a job, a heartbeat and a tick may ask of AWS. Counts, not times. */

/** A heartbeat comes 12 to 15 s after the acknowledgement, a run's first tick 15 s after its birth. */
const BEAT_AND_TICK_MS = 40_000;
const LOOK_MS = 250;

async function metered({ onTestFinished }: TestContext): Promise<MeteredStack> {
  const stack = await startMeteredStack();
  onTestFinished(() => stack.stop());
  return stack;
}

describe.concurrent("the request budget", () => {
  test("a one-job run that nobody follows", async (context) => {
    const counts = await oneJobCounts(await metered(context));
    expect(counts.itemWrites).toBeLessThanOrEqual(8);
    expect(counts.indexWrites).toBeLessThanOrEqual(4);
    expect(counts.sqs).toBeLessThanOrEqual(6);
    expect(counts.invocations).toBeLessThanOrEqual(5);
    expect(counts.apiRequests).toBeLessThanOrEqual(4);
    expect(counts.s3).toBeLessThanOrEqual(2);
    // Nothing was left out of the count: each of these a one-job run cannot do without.
    expect(counts.operations).toMatchObject({
      "DynamoDB.TransactWriteItems": 1,
      "DynamoDB.UpdateItem": 5,
      "S3.PutObject": 1,
    });
    expect(counts.apiRequests).toBe(4);
  });

  test("each heartbeat: one API request, one invocation, one write; each tick: one invocation, 3 SQS, ≤ 3 write units, one query", async (context) => {
    const stack = await metered(context);
    const files = makeStepFiles();
    context.onTestFinished(files.remove);
    const runId = await createRunOf(
      stack.client,
      `jobs: {only: {run: "echo $$ > ${files.path("pid")}; until [ -e ${files.path("end")} ]; do sleep 0.2; done"}}\n`,
    );
    await files.pid("pid");
    await settledOffer(stack);
    const before = await stack.samples();
    const window = await eventually(
      "a heartbeat and a whole tick",
      async () => {
        const found = since(before, await stack.samples());
        return beatsOf(found) > 0 && ticksOf(found) > 0 && requestCounts(found).sqs === 3 * ticksOf(found) && found;
      },
      BEAT_AND_TICK_MS,
      LOOK_MS,
    );
    const [beats, ticks, counts] = [beatsOf(window), ticksOf(window), requestCounts(window)];
    expect(counts.apiRequests).toBe(beats);
    expect(counts.invocations).toBe(beats + ticks);
    expect(counts.itemWrites).toBe(beats + ticks);
    expect(counts.writeUnits - beats).toBeLessThanOrEqual(3 * ticks);
    expect(counts.operations["DynamoDB.Query"]).toBe(ticks);
    expect(counts.s3).toBe(0);
    files.write("end");
    await stack.attemptEnds(runId);
  });
});

const beatsOf = (samples: Samples) =>
  samples.get('baton_api_requests_total{route="POST /v1/runs/{run}/jobs/{job}/leases/{fence}/heartbeat"}') ?? 0;
const ticksOf = (samples: Samples) => samples.get('baton_lambda_invocations_total{function="reconcile"}') ?? 0;

/** The offer's deletion is lingering when the step starts. */
async function settledOffer(stack: MeteredStack): Promise<void> {
  await eventually("the offer is deleted", async () => {
    const { operations } = requestCounts(await stack.samples());
    return (operations["SQS.DeleteMessageBatch"] ?? 0) > 0;
  });
}
