import { eventually } from "./eventually.ts";
import type { MeteredStack } from "./metered-stack.ts";
import { type RequestCounts, requestCounts, since } from "./request-counts.ts";
import { createRunOf } from "./run-ends.ts";

/** The first tick of a run is sent when it is born and comes when its first re-offer would be due, after 15 s. */
const TICK_WITHIN_MS = 30_000;
const LOOK_MS = 200;

/**
 * Runs one job that ends within 10 s, that nobody follows, and waits for the tick that still comes for it: then all
 * that it asks of AWS has been asked. Nothing else may go on meanwhile.
 */
export async function oneJobCounts(stack: MeteredStack): Promise<RequestCounts> {
  const before = await stack.samples();
  const runId = await createRunOf(stack.client, 'jobs: {only: {run: "echo hello"}}\n');
  await stack.attemptEnds(runId);
  return eventually(
    "the run's tick is read, handled and deleted, and its offer is deleted",
    async () => {
      const counts = requestCounts(since(before, await stack.samples()));
      const { "SQS.ReceiveMessage": received = 0, "SQS.DeleteMessageBatch": deleted = 0 } = counts.operations;
      return received === 2 && deleted === 2 && counts;
    },
    TICK_WITHIN_MS,
    LOOK_MS,
  );
}
