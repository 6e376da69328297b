import { expect, test } from "vitest";
import { apiOfferQueue } from "../../../runner/api-offer-queue.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import { makeClient } from "../../../shared/protocol/client.ts";

const QUEUE = "http://queue.invalid/pool-default";
const session = {
  runnerId: "rnr_00000000000000000000000001",
  sessionToken: "session",
  expiresInMs: 900_000,
  pools: [{ name: "default", queueUrl: QUEUE }],
};

test("a runner that is going does not wait for its next poll, and asks for nothing more", async () => {
  let asked = 0;
  const exchange = async () => {
    asked += 1;
    return { status: 200, text: '{"offers":[]}' };
  };
  const going = new AbortController();
  const open = apiOfferQueue(makeClient({ url: "http://plane.invalid", exchange }));
  const queue = open(
    session,
    () => undefined,
    () => undefined,
  );
  expect(await queue.receive(QUEUE, 1, false, going.signal)).toEqual([]);
  const fromMs = systemClock.monotonicMs();
  const next = queue.receive(QUEUE, 1, false, going.signal);
  going.abort();
  expect(await next).toEqual([]);
  expect(asked).toBe(1);
  // The shortest pause is a second.
  expect(systemClock.monotonicMs() - fromMs).toBeLessThan(900);
});
