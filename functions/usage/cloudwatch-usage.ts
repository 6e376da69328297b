import { type CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { FUNCTIONS, type FunctionName, TABLE } from "../../shared/resources.ts";
import type { UsageReport } from "../../shared/usecases/read-status.ts";

export interface CloudwatchNames {
  readonly table: string;
  /** Of a function in the deployment. */
  readonly functionName: (name: FunctionName) => string;
  /** All queues, as they are called in the deployment. */
  readonly queues: readonly string[];
}

/** Functions that serve HTTP are called by nothing else: their invocations are the API's requests. */
const HTTP_FUNCTIONS: readonly FunctionName[] = ["api", "lease", "webhook", "status"];
const DAY_SECONDS = 86_400;
/** A month of days and one more, for the day that is begun. */
const VALUES_MAX = 32;
const SQS_METRICS = [
  "NumberOfMessagesSent",
  "NumberOfMessagesReceived",
  "NumberOfMessagesDeleted",
  "NumberOfEmptyReceives",
];

interface Sum {
  readonly namespace: "AWS/DynamoDB" | "AWS/Lambda" | "AWS/SQS";
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/**
 * What AWS counted since the first of the month (UTC), by the metrics that its services report free of charge. Asking costs
 * a thousandth of a cent for each metric. Throws where CloudWatch does not answer, or has no sum at all.
 */
export async function cloudwatchUsage(
  client: CloudWatchClient,
  names: CloudwatchNames,
  nowMs: number,
): Promise<UsageReport> {
  const now = new Date(nowMs);
  const sinceMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  const writes = tableSums(names.table, "ConsumedWriteCapacityUnits");
  const reads = tableSums(names.table, "ConsumedReadCapacityUnits");
  const functions = Object.keys(FUNCTIONS) as FunctionName[];
  const invocations = functions.map((name) => functionSum(names, name, "Invocations"));
  const durations = functions.map((name) => functionSum(names, name, "Duration"));
  const messages = names.queues.flatMap((QueueName) =>
    SQS_METRICS.map((metric): Sum => ({ namespace: "AWS/SQS", metric, dimensions: { QueueName } })),
  );
  const groups = [writes, reads, invocations, durations, messages];
  const sums = await sumsOf(client, groups.flat(), sinceMs, nowMs);
  const take = (group: readonly Sum[]) => group.map((sum) => sums.get(sum) ?? 0);
  const calls = take(invocations);
  return {
    sinceMs,
    countedBy: "cloudwatch",
    usage: {
      writeUnits: addUp(take(writes)),
      readUnits: addUp(take(reads)),
      sqsRequests: addUp(take(messages)),
      invocations: addUp(calls),
      gigabyteSeconds: addUp(take(durations).map((ms, at) => gigabyteSeconds(functions[at], ms))),
      apiRequests: addUp(calls.filter((_, at) => HTTP_FUNCTIONS.some((name) => name === functions[at]))),
      s3Requests: undefined,
    },
    notCounted: ["S3's requests", "storage", "traffic", "logs", "custom metrics and alarms", "the fleet"],
  };
}

const addUp = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

function gigabyteSeconds(name: FunctionName | undefined, durationMs: number): number {
  return name === undefined ? 0 : ((durationMs / 1_000) * FUNCTIONS[name].memoryMb) / 1_024;
}

function tableSums(table: string, metric: string): Sum[] {
  const ofTable = { TableName: table };
  const ofIndexes = TABLE.indexes.map(({ name }) => ({ ...ofTable, GlobalSecondaryIndexName: name }));
  return [ofTable, ...ofIndexes].map((dimensions) => ({ namespace: "AWS/DynamoDB", metric, dimensions }));
}

function functionSum(names: CloudwatchNames, name: FunctionName, metric: string): Sum {
  return { namespace: "AWS/Lambda", metric, dimensions: { FunctionName: names.functionName(name) } };
}

/** A metric that had no value in the time has no sum; where none has, nothing counts, and 0 would be a lie. */
async function sumsOf(
  client: CloudWatchClient,
  wanted: readonly Sum[],
  sinceMs: number,
  nowMs: number,
): Promise<ReadonlyMap<Sum, number>> {
  const queries = wanted.map((sum, at): MetricDataQuery => {
    const Dimensions = Object.entries(sum.dimensions).map(([Name, Value]) => ({ Name, Value }));
    const Metric = { Namespace: sum.namespace, MetricName: sum.metric, Dimensions };
    return { Id: `m${at}`, MetricStat: { Metric, Period: DAY_SECONDS, Stat: "Sum" } };
  });
  const answer = await client.send(
    new GetMetricDataCommand({
      StartTime: new Date(sinceMs),
      EndTime: new Date(nowMs),
      MetricDataQueries: queries,
      MaxDatapoints: queries.length * VALUES_MAX,
    }),
  );
  const found = new Map<Sum, number>();
  for (const { Id, Values } of answer.MetricDataResults ?? []) {
    const sum = wanted[Number(Id?.slice(1))];
    if (sum !== undefined && Values !== undefined && Values.length > 0) found.set(sum, addUp(Values));
  }
  if (found.size === 0) throw new Error("CloudWatch has no values of this deployment for this month");
  return found;
}
