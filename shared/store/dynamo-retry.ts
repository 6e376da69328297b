import { TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { isDiskFull } from "../lib/disk-full.ts";
import { retry } from "../lib/retry.ts";

const POLICY = { triesMax: 6, baseMs: 25, capMs: 1_000 };

/** Names of errors after which the same request may be sent again: a read changes nothing, a write carries its own guard. */
const TRANSIENT = new Set([
  "ThrottlingException",
  "ThrottledException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "TransactionConflictException",
  "TransactionInProgressException",
  "InternalServerError",
  "ServiceUnavailable",
  "TimeoutError",
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
]);

/**
 * Repeats a read or a conditional write over throttling, transaction conflicts and lost connections, with jitter and a
 * bound. A repeated write may be refused because the first had landed: that is why the answer is the state seen.
 */
export function retryRequest<T>(send: () => Promise<T>): Promise<T> {
  return retry(POLICY, isTransient, send);
}

function isTransient(error: unknown): boolean {
  // Tries within a second find no more room: who asks is told at once.
  if (!(error instanceof Error) || isDiskFull(error)) return false;
  if (error instanceof TransactionCanceledException) {
    const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code ?? "None");
    return codes.every((code) =>
      ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].includes(code),
    );
  }
  const code = "code" in error ? String(error.code) : "";
  return TRANSIENT.has(error.name) || TRANSIENT.has(code);
}
