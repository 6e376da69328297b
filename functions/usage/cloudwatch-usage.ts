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
const SQS_METRICS = [
  "NumberOfMessagesSent",
  "NumberOfMessagesReceived",
  "NumberOfMessagesDeleted",
  "NumberOfEmptyReceives",
];

/** One sum that AWS keeps, by the day. */
export interface Sum {
  readonly namespace: "AWS/DynamoDB" | "AWS/Lambda" | "AWS/SQS";
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** Answers those that had a value in the time. */
export type AskSums = (wanted: readonly Sum[], sinceMs: number, untilMs: number) => Promise<ReadonlyMap<Sum, number>>;

/**
 * What AWS counted since the first of the month (UTC), by the metrics that its services report free of charge. Asking costs
 * a thousandth of a cent for each metric. Throws where CloudWatch does not answer, or has no sum at all.
 */
export async function cloudwatchUsage(askSums: AskSums, names: CloudwatchNames, nowMs: number): Promise<UsageReport> {
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
  const sums = await askSums(groups.flat(), sinceMs, nowMs);
  // Where nothing has a value, nothing counts, and 0 would be a lie.
  if (sums.size === 0) throw new Error("CloudWatch has no values of this deployment for this month");
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
