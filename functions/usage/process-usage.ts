import type { Registry } from "prom-client";
import { PROCESS_METRICS } from "../../shared/metrics.ts";
import { assumedGigabyteSeconds } from "../../shared/prices.ts";
import type { UsageReport } from "../../shared/usecases/read-status.ts";

/** What the process counted since it started, as the embedded stack does for all of its functions. */
export async function processUsage(registry: Registry, sinceMs: number): Promise<UsageReport> {
  const total = async (metric: keyof typeof PROCESS_METRICS, labels: Readonly<Record<string, readonly string[]>>) => {
    const values = (await registry.getSingleMetric(PROCESS_METRICS[metric].name)?.get())?.values ?? [];
    const wanted = values.filter((value) =>
      Object.entries(labels).every(([label, any]) => any.includes(String(value.labels[label]))),
    );
    return wanted.reduce((sum, { value }) => sum + value, 0);
  };
  const invocations = await total("invocations", {});
  return {
    sinceMs,
    countedBy: "process",
    usage: {
      writeUnits: await total("dynamodbUnits", { operation: WRITES }),
      readUnits: await total("dynamodbUnits", { operation: READS }),
      sqsRequests: await total("awsRequests", { service: ["SQS"] }),
      s3Requests: await total("awsRequests", { service: ["S3"] }),
      apiRequests: await total("apiRequests", {}),
      invocations,
      gigabyteSeconds: assumedGigabyteSeconds(invocations),
    },
    notCounted: ["what runners ask of queues and bucket", "storage", "traffic", "logs", "metrics"],
  };
}

const WRITES = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
const READS = ["GetItem", "Query"];
