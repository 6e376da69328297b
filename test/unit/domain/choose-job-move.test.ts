import fc from "fast-check";
import { expect, test } from "vitest";
import {
  attemptOutcomeOf,
  chooseCancel,
  chooseCompletion,
  chooseExpiry,
  chooseRelease,
  chooseStopped,
  chooseTimeout,
  type JobMove,
  type JobSeen,
} from "../../../shared/domain/choose-job-move.ts";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Item } from "../../../shared/domain/item.ts";
import { JOB_STATES } from "../../../shared/domain/job-moves.ts";
import { isJobEnded } from "../../../shared/domain/verdict.ts";
import { jobArgs, jobInState, NOW_MS } from "../../support/items.ts";

const REPORTS = ["succeeded", "failed", "timed_out"] as const;
type Choice = (seen: JobSeen | undefined) => JobMove | undefined;

const seenItems = fc
  .record({
    state: fc.constantFrom(...JOB_STATES),
    failed: fc.integer({ min: 0, max: 2 }),
    lost: fc.integer({ min: 0, max: 2 }),
    reason: fc.constantFrom("cancel", "superseded", "timeout"),
  })
  .map(({ state, failed, lost, reason }) =>
    jobInState(state, { left: { failed, lost }, stop: { reason, atMs: 1, deadlineMs: NOW_MS + 9 } }),
  );

/** The states in which each choice must find a row: in no other may it find one. */
const byHolder: readonly (readonly [string, Choice, readonly string[]])[] = [
  ...REPORTS.map((report) => [`complete ${report}`, chooseCompletion(report), ["running", "stopping"]] as const),
  ["release", chooseRelease, ["leased", "running", "stopping"]],
  ["cancel-ack", chooseStopped, ["stopping"]],
  ["timeout", chooseTimeout(3), ["leased", "running"]],
  ["cancel", chooseCancel, ["waiting", "held", "queued", "leased", "running"]],
];

test.each(byHolder)("%s: the chosen row accepts the item that it was chosen for", (_name, choose, states) => {
  fc.assert(
    fc.property(seenItems, (item) => accepts(choose, item, states)),
    { numRuns: 500 },
  );
});

test("expiry: the chosen row accepts the item that it was chosen for", () => {
  const expired = (item: Item) => ({ ...item, lease: { ...(item["lease"] as Item), expiresAtMs: NOW_MS - 1 } });
  fc.assert(
    fc.property(seenItems, (item) => accepts(chooseExpiry, expired(item), ["leased", "running", "stopping"])),
    { numRuns: 500 },
  );
});

function accepts(choose: Choice, item: Item, states: readonly string[]): void {
  const move = choose(item as unknown as JobSeen);
  expect(move !== undefined).toBe(states.includes(String(item["state"])));
  if (move !== undefined) expect(interpretMove(move, item, jobArgs())).toBeDefined();
}

test("a timeout stops the attempt that it was seen on, and neither its successor nor a job that is queued again", () => {
  const seen = (state: string, fence: number) => ({ state, fence, left: { failed: 0, lost: 1 } });
  expect(chooseTimeout(2)(seen("running", 2))?.name).toBe("stop");
  expect(chooseTimeout(2)(seen("running", 3))).toBeUndefined();
  expect(chooseTimeout(2)(seen("queued", 2))).toBeUndefined();
});

test("a first guess without an item is a row of the family, or none at all", () => {
  for (const report of REPORTS) expect(chooseCompletion(report)(undefined)?.from).toEqual(["running"]);
  expect(chooseRelease(undefined)?.name).toBe("release");
  expect(chooseStopped(undefined)?.name).toBe("stoppedCancel");
  expect([chooseExpiry(undefined), chooseCancel(undefined)]).toEqual([undefined, undefined]);
});

test("an attempt is recorded as it ended, apart from where its job goes", () => {
  fc.assert(
    fc.property(seenItems, fc.constantFrom(...REPORTS), (item, report) => {
      const move = chooseCompletion(report)(item as unknown as JobSeen);
      fc.pre(move !== undefined);
      const outcome = attemptOutcomeOf(move, report);
      const stopped = item["state"] === "stopping" ? (item["stop"] as { reason: string }).reason : undefined;
      expect(outcome).toBe(stopped === undefined ? report : stopped === "timeout" ? "timed_out" : "canceled");
    }),
  );
});

test("a job that ends takes the outcome of its last attempt; one that is lost is never told as failed", () => {
  fc.assert(
    fc.property(seenItems, (item) => {
      for (const choose of [chooseExpiry, chooseRelease]) {
        const move = choose(item as unknown as JobSeen);
        if (move === undefined) continue;
        const outcome = attemptOutcomeOf(move, undefined);
        if (isJobEnded(move.to)) expect(outcome).toBe(move.to);
        if (item["state"] !== "stopping") expect(outcome).toBe("lost");
      }
    }),
  );
});
