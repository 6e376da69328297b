import { CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { attachMeter, type RequestMeter } from "../../shared/lib/request-meter.ts";
import type { AskSums, Sum } from "./cloudwatch-usage.ts";

const DAY_SECONDS = 86_400;
/** Days of a month, and of one that began in the middle of a day. */
const VALUES_MAX = 32;

/** Sums of days, from CloudWatch. */
export function askCloudwatch(meter: RequestMeter): AskSums {
  const client = new CloudWatchClient({});
  attachMeter(client, "CloudWatch", meter);
  return async (wanted, sinceMs, untilMs) => {
    const queries = wanted.map(toQuery);
    const answer = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(sinceMs),
        EndTime: new Date(untilMs),
        MetricDataQueries: queries,
        MaxDatapoints: queries.length * VALUES_MAX,
      }),
    );
    const found = new Map<Sum, number>();
    for (const { Id, Values } of answer.MetricDataResults ?? []) {
      const sum = wanted[Number(Id?.slice(1))];
      if (sum === undefined || Values === undefined || Values.length === 0) continue;
      found.set(
        sum,
        Values.reduce((all, value) => all + value, 0),
      );
    }
    return found;
  };
}

function toQuery({ namespace, metric, dimensions }: Sum, at: number): MetricDataQuery {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const Metric = { Namespace: namespace, MetricName: metric, Dimensions };
  return { Id: `m${at}`, MetricStat: { Metric, Period: DAY_SECONDS, Stat: "Sum" } };
}
