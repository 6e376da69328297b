/**
 * List prices in us-east-1, US dollars, without free tiers, as the services' pricing pages showed them in November 2026:
 * aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /lambda/pricing, /api-gateway/pricing, /s3/pricing,
 * /cloudwatch/pricing.
 */
export const PRICES = {
  dynamodbWriteUnit: 0.625 / 1e6,
  dynamodbReadUnit: 0.125 / 1e6,
  /** A request to a standard queue, with the surcharge of fair queues, which only offers pay: an upper bound. */
  sqsRequest: (0.4 + 0.1) / 1e6,
  lambdaRequest: 0.2 / 1e6,
  /** On arm64 it is a fifth less: an upper bound. */
  lambdaGigabyteSecond: 0.0000166667,
  httpApiRequest: 1 / 1e6,
  s3Put: 5 / 1e6,
  /** A month in which it is reported each hour; hours without a value are not billed. */
  cloudwatchMetricMonth: 0.3,
} as const;

/**
 * What one invocation is taken to be billed for where nobody measured it: a few round trips to DynamoDB and SQS of some
 * milliseconds each. At twice as much, the price of a job grows by as much again as its share for Lambda.
 */
export const ASSUMED_SECONDS = 0.03;
export const ASSUMED_GIGABYTES = 0.5;
export const assumedGigabyteSeconds = (invocations: number): number =>
  invocations * ASSUMED_SECONDS * ASSUMED_GIGABYTES;

/** What a bill counts. */
export interface Usage {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly sqsRequests: number;
  readonly invocations: number;
  readonly gigabyteSeconds: number;
  readonly apiRequests: number;
  /** Undefined where nobody counts them: AWS does so only for a price. */
  readonly s3Requests: number | undefined;
}

/** US dollars by service; a service whose use is unknown is left out. */
export function priceOf(usage: Usage): Readonly<Record<string, number>> {
  return {
    DynamoDB: usage.writeUnits * PRICES.dynamodbWriteUnit + usage.readUnits * PRICES.dynamodbReadUnit,
    SQS: usage.sqsRequests * PRICES.sqsRequest,
    Lambda: usage.invocations * PRICES.lambdaRequest + usage.gigabyteSeconds * PRICES.lambdaGigabyteSecond,
    "API Gateway": usage.apiRequests * PRICES.httpApiRequest,
    ...(usage.s3Requests === undefined ? {} : { S3: usage.s3Requests * PRICES.s3Put }),
  };
}
