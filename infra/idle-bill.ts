import { z } from "zod";
import { PRICES } from "../shared/prices.ts";

/** What an hour, a day and a month of doing nothing cost, told from the resources of a template. */

/** One line of the bill, in US dollars a month. */
export interface BillLine {
  readonly what: string;
  /** At list price. */
  readonly listed: number;
  /** Beyond what CloudWatch never bills an account for. SQS, Lambda and DynamoDB have such an allowance too: not counted. */
  readonly billed: number;
}

export interface BilledResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

const DAYS = 30;
const MINUTES = DAYS * 24 * 60;
/** Lambda's pollers of an idle queue, each with a long poll at a time. */
const POLLERS = 5;
const LONG_POLLS_A_MINUTE = 3;
/** aws.amazon.com/sqs/pricing: a standard queue that is not fair. */
const POLL_DOLLARS = 0.4 / 1e6;
/** aws.amazon.com/cloudwatch/pricing: logs taken in, an alarm's metric, a dashboard; and what is free in every account. */
const LOG_GIGABYTE_DOLLARS = 0.5;
const ALARM_METRIC_DOLLARS = 0.1;
const ALARM_METRICS_FREE = 10;
const DASHBOARD_DOLLARS = 3;
const DASHBOARDS_FREE = 3;
export const DASHBOARD_METRICS_FREE = 50;
/** aws.amazon.com/dynamodb/pricing and /s3/pricing: a gigabyte and month, of the table with its backup, and of the bucket. */
const TABLE_GIGABYTE_DOLLARS = 0.25 + 0.2;
const BUCKET_GIGABYTE_DOLLARS = 0.023;
/** What a small team has stored: the bill of an empty deployment would leave out the only part that grows. */
const TABLE_GIGABYTES = 0.1;
/** Of each: the products', and the one of its access log. */
const BUCKET_GIGABYTES = 0.5;

/** What one sweep takes that finds nothing; `test/infra/idle-sweep.test.ts` measures it. */
export const IDLE_SWEEP = { seconds: 0.1, gigabytes: 0.5, readUnits: 6, writeUnits: 1, logBytes: 1_500 } as const;

/** Types that cost nothing by being there. They cost by the call, or not at all. */
const FREE: ReadonlySet<string> = new Set([
  "AWS::ApiGatewayV2::Api",
  "AWS::ApiGatewayV2::Integration",
  "AWS::ApiGatewayV2::Route",
  "AWS::ApiGatewayV2::Stage",
  "AWS::IAM::Policy",
  "AWS::IAM::Role",
  "AWS::Lambda::Function",
  "AWS::Lambda::Permission",
  "AWS::Logs::LogGroup",
  "AWS::S3::BucketPolicy",
  "AWS::SQS::Queue",
  "AWS::SQS::QueuePolicy",
]);

const alarm = z.object({ Metrics: z.array(z.object({ MetricStat: z.unknown().optional() })).optional() });
const schedule = z.object({ ScheduleExpression: z.literal("rate(1 minute)") });

/** US dollars a month; `free`: what CloudWatch never bills of all lines of this kind together. */
interface Price {
  readonly what: string;
  readonly listed: number;
  readonly free: number;
}

const inFull = (what: string, listed: number): Price => ({ what, listed, free: 0 });

/** The types that cost while nothing happens. */
const PRICED: Readonly<Record<string, (properties: BilledResource["Properties"]) => Price>> = {
  "AWS::Lambda::EventSourceMapping": () =>
    inFull("polls of a work queue", POLLERS * LONG_POLLS_A_MINUTE * MINUTES * POLL_DOLLARS),
  // The rule itself is free: https://aws.amazon.com/eventbridge/pricing/.
  "AWS::Events::Rule": (properties) => {
    schedule.parse(properties);
    return inFull("sweep, each minute", MINUTES * sweepDollars());
  },
  "AWS::DynamoDB::GlobalTable": () =>
    inFull(`table, ${TABLE_GIGABYTES} GB with its backup`, TABLE_GIGABYTES * TABLE_GIGABYTE_DOLLARS),
  "AWS::S3::Bucket": () => inFull(`bucket, ${BUCKET_GIGABYTES} GB`, BUCKET_GIGABYTES * BUCKET_GIGABYTE_DOLLARS),
  "AWS::CloudWatch::Alarm": (properties) => {
    const { Metrics } = alarm.parse(properties);
    const metrics = Metrics?.filter(({ MetricStat }) => MetricStat !== undefined).length ?? 1;
    return { what: "alarms", listed: metrics * ALARM_METRIC_DOLLARS, free: ALARM_METRICS_FREE * ALARM_METRIC_DOLLARS };
  },
  "AWS::CloudWatch::Dashboard": () => ({
    what: "dashboards",
    listed: DASHBOARD_DOLLARS,
    free: DASHBOARDS_FREE * DASHBOARD_DOLLARS,
  }),
};

function sweepDollars(): number {
  const { seconds, gigabytes, readUnits, writeUnits, logBytes } = IDLE_SWEEP;
  return (
    PRICES.lambdaRequest +
    seconds * gigabytes * PRICES.lambdaGigabyteSecond +
    readUnits * PRICES.dynamodbReadUnit +
    writeUnits * PRICES.dynamodbWriteUnit +
    (logBytes / 1e9) * LOG_GIGABYTE_DOLLARS
  );
}

/**
 * The month's bill of resources that nobody uses. Throws on a type that is not known to be free or priced: so nothing that
 * bills by the hour comes in unnoticed.
 */
export function idleBill(resources: readonly BilledResource[]): BillLine[] {
  const prices = resources.filter(({ Type }) => !FREE.has(Type)).map(priceOf);
  return [...Map.groupBy(prices, ({ what }) => what)].map(([what, group]) => {
    const listed = group.reduce((all, price) => all + price.listed, 0);
    const billed = Math.max(0, listed - (group[0]?.free ?? 0));
    return { what: group.length === 1 ? what : `${what} (${group.length})`, listed, billed };
  });
}

function priceOf({ Type, Properties }: BilledResource): Price {
  const price = PRICED[Type];
  if (price === undefined) throw new Error(`nobody said what a ${Type} costs while it is idle`);
  return price(Properties);
}
