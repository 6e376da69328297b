import { afterEach, beforeEach, expect, test } from "vitest";
import { openOfferQueue } from "../../../runner/offer-queue.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { Session } from "../../../shared/protocol/leases.ts";
import { type HttpRecorder, startHttpRecorder } from "../../support/http-recorder.ts";

/** The SDK's own requests, to a server that holds no poll open. */

let server: HttpRecorder;
beforeEach(async () => {
  server = await startHttpRecorder(() => ({ status: 200, body: "{}" }));
});
afterEach(() => server.stop());

function open() {
  const credentials = { accessKeyId: "runner", secretAccessKey: "runner" };
  const sqs = { region: "eu-central-1", endpoint: server.url, credentials };
  return openOfferQueue(
    { sqs } as Session,
    () => undefined,
    () => undefined,
  );
}

const POLLS = 4;

async function pollMs(signal: AbortSignal): Promise<number> {
  const queue = open();
  const startedMs = systemClock.monotonicMs();
  for (let poll = 0; poll < POLLS; poll += 1)
    expect(await queue.receive(`${server.url}/1/baton-pool-default`, 1, false, signal)).toEqual([]);
  return systemClock.monotonicMs() - startedMs;
}

test("a server that answers empty at once is not asked again at once", async () => {
  expect(await pollMs(new AbortController().signal)).toBeGreaterThan(POLLS * 200);
});

test("a runner that is going does not wait for that", async () => {
  expect(await pollMs(AbortSignal.abort())).toBeLessThan(POLLS * 200);
});
