import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { DomainError, FAILURES, type FailureCode } from "../../shared/domain/errors.ts";
import { MESSAGE_LENGTH_MAX } from "../../shared/domain/limits.ts";
import { boundData } from "../../shared/lib/bound-data.ts";
import { shorten } from "../../shared/lib/cut.ts";
import { isDiskFull } from "../../shared/lib/disk-full.ts";
import type { Route } from "../../shared/protocol/route.ts";
import type { Observer } from "../observe.ts";

export function reply(route: Route, requestId: string, value: unknown): APIGatewayProxyStructuredResultV2 {
  const text = route.contentType !== undefined;
  return {
    statusCode: route.status,
    headers: {
      "content-type": route.contentType ?? "application/json",
      "x-request-id": requestId,
      "cache-control": "no-store",
    },
    body: text ? String(value) : JSON.stringify(value),
  };
}

/** One envelope for every failure. What is not the caller's mistake is logged whole and told as `internal`. */
export function failureReply(
  log: Observer["log"],
  requestId: string,
  error: unknown,
): APIGatewayProxyStructuredResultV2 {
  if (error instanceof DomainError) {
    log.info("refused", { code: error.code, reason: error.message });
    return failure(error.code, error.message, requestId, error.details);
  }
  log.error("failed", error);
  if (isDiskFull(error)) return failure("disk_full", DISK_FULL, requestId);
  return failure(
    "internal",
    `something went wrong here; the log of this control plane says what, under request ${requestId}`,
    requestId,
  );
}

export const DISK_FULL = "the disk on which this control plane keeps its state is full: make room there, and try again";

function failure(
  code: FailureCode,
  message: string,
  requestId: string,
  details?: object,
): APIGatewayProxyStructuredResultV2 {
  return {
    statusCode: FAILURES[code].status,
    headers: {
      "content-type": "application/json",
      "x-request-id": requestId,
      "cache-control": "no-store",
      ...(FAILURES[code].retry ? { "retry-after": "1" } : {}),
    },
    body: JSON.stringify({
      code,
      message: shorten(message, MESSAGE_LENGTH_MAX),
      ...(details === undefined ? {} : { details: boundData(details) }),
      requestId,
    }),
  };
}
