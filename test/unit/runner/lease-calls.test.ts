import { expect, test } from "vitest";
import { isPassing, isStale, persist } from "../../../runner/lease-calls.ts";
import { FAILURES } from "../../../shared/domain/errors.ts";
import { ApiError, UnreachableError } from "../../../shared/protocol/client.ts";

const apiError = (status: number, code: string) => new ApiError(status, { code, message: code, requestId: "r" });

function clockOf(...moments: number[]) {
  let at = 0;
  return { nowMs: () => 0, monotonicMs: () => moments[Math.min(at++, moments.length - 1)] ?? 0 };
}

function kindOf(code: keyof typeof FAILURES): string {
  const error = apiError(FAILURES[code].status, code);
  return isStale(error) ? "stale" : isPassing(error) ? "passing" : "thrown";
}

test("each failure of the control plane either ends the lease, passes, or is a mistake that is thrown", () => {
  const kinds = Object.fromEntries(Object.keys(FAILURES).map((code) => [code, kindOf(code as keyof typeof FAILURES)]));
  expect(kinds).toMatchObject({
    bad_request: "thrown",
    invalid_definition: "thrown",
    too_large: "thrown",
    unauthorized: "stale",
    forbidden: "stale",
    not_found: "stale",
    taken: "stale",
    stale_lease: "stale",
    conflict: "stale",
    idempotency_mismatch: "stale",
    gone: "stale",
    not_ready: "passing",
    throttled: "passing",
    internal: "passing",
  });
});

test("a call is repeated until it is answered", async () => {
  const failures = [new UnreachableError("down"), apiError(503, "throttled")];
  const call = async () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return "done";
  };
  expect(await persist(call, { untilMs: 1_000_000, clock: clockOf(0) })).toEqual({ kind: "ok", reply: "done" });
});

test("a call gives up at the limit or the signal, and is not repeated when the lease is stale", async () => {
  const down = async () => {
    throw new UnreachableError("down");
  };
  expect(await persist(down, { untilMs: 10, clock: clockOf(11) })).toMatchObject({ kind: "gave_up" });
  const signal = AbortSignal.abort();
  expect(await persist(down, { untilMs: 1_000_000, clock: clockOf(0), signal })).toMatchObject({ kind: "gave_up" });
  const stale = async () => {
    throw apiError(409, "stale_lease");
  };
  expect(await persist(stale, { untilMs: 1_000_000, clock: clockOf(0) })).toEqual({ kind: "stale" });
});
