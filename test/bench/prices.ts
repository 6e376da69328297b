import type { RequestCounts } from "../support/request-counts.ts";

/**
 * List prices in us-east-1, US dollars, without free tiers, as the services' pricing pages showed them in November 2026:
 * aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /lambda/pricing, /api-gateway/pricing, /s3/pricing.
 */
const PRICES = {
  dynamodbWriteUnit: 0.625 / 1e6,
  dynamodbReadUnit: 0.125 / 1e6,
  /** A request to a standard queue, with the surcharge of fair queues, which only offers pay: an upper bound. */
  sqsRequest: (0.4 + 0.1) / 1e6,
  lambdaRequest: 0.2 / 1e6,
  lambdaGigabyteSecond: 0.0000166667,
  httpApiRequest: 1 / 1e6,
  s3Put: 5 / 1e6,
} as const;

/**
 * What one invocation is taken to be billed for. An assumption, not a measurement: a few round trips to DynamoDB and SQS
 * of some milliseconds each. At twice as much, the price of a job grows by as much again as its share for Lambda.
 */
const INVOCATION_SECONDS = 0.03;
const INVOCATION_GIGABYTES = 0.5;

/** US dollars for what was counted, by service. Traffic, storage and log ingestion are not in it. */
export function priceOf(counts: RequestCounts): Readonly<Record<string, number>> {
  const gigabyteSeconds = counts.invocations * INVOCATION_SECONDS * INVOCATION_GIGABYTES;
  return {
    DynamoDB: counts.writeUnits * PRICES.dynamodbWriteUnit + counts.readUnits * PRICES.dynamodbReadUnit,
    SQS: counts.sqs * PRICES.sqsRequest,
    Lambda: counts.invocations * PRICES.lambdaRequest + gigabyteSeconds * PRICES.lambdaGigabyteSecond,
    "API Gateway": counts.apiRequests * PRICES.httpApiRequest,
    S3: counts.s3 * PRICES.s3Put,
  };
}
