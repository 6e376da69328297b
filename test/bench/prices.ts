import { assumedGigabyteSeconds, priceOf } from "../../shared/prices.ts";
import type { RequestCounts } from "../support/request-counts.ts";

/** US dollars for what was counted, by service. Traffic, storage and log ingestion are not in it. */
export function priceOfCounts(counts: RequestCounts): Readonly<Record<string, number>> {
  const { writeUnits, readUnits, sqs, invocations, apiRequests, s3 } = counts;
  const gigabyteSeconds = assumedGigabyteSeconds(invocations);
  return priceOf({
    writeUnits,
    readUnits,
    sqsRequests: sqs,
    invocations,
    gigabyteSeconds,
    apiRequests,
    s3Requests: s3,
  });
}
