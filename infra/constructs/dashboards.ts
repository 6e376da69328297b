import { Duration } from "aws-cdk-lib";
import { Dashboard, GraphWidget, type IMetric, type IWidget, Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { METRIC_GROUPS, METRICS, type MetricName, type MetricRow } from "../../shared/metrics.ts";
import { resourceName } from "../../shared/resources.ts";
import { pascalCase } from "../names.ts";
import type { BatonControl } from "../stacks/baton-control.ts";
import type { BatonData } from "../stacks/baton-data.ts";
import { batonMetric } from "./alarms.ts";

const PERIOD = Duration.minutes(5);
/** Of CloudWatch's 24 columns. */
const WIDTH = 12;

/** Two dashboards, each within the fifty metrics that are free: what Baton tells of itself, and what AWS tells of its parts. */
export class Dashboards extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { data, control }: { readonly data: BatonData; readonly control: BatonControl },
  ) {
    super(scope, id);
    makeDashboard(this, "runs", METRIC_GROUPS.flatMap(groupGraphs));
    makeDashboard(this, "resources", [
      ...queueGraphs(data),
      ...functionGraphs(control),
      graph("HTTP API", [
        control.front.api.metricCount({ period: PERIOD }),
        control.front.api.metricClientError({ period: PERIOD }),
        control.front.api.metricServerError({ period: PERIOD }),
      ]),
      graph("Table", [
        data.table.metricConsumedReadCapacityUnits({ period: PERIOD, statistic: Stats.SUM }),
        data.table.metricConsumedWriteCapacityUnits({ period: PERIOD, statistic: Stats.SUM }),
      ]),
    ]);
  }
}

function makeDashboard(scope: Construct, name: string, widgets: readonly IWidget[]): void {
  const rows = Array.from({ length: Math.ceil(widgets.length / 2) }, (_, row) => widgets.slice(row * 2, row * 2 + 2));
  new Dashboard(scope, pascalCase(name), {
    dashboardName: resourceName(name),
    defaultInterval: Duration.days(1),
    widgets: rows,
  });
}

const graph = (title: string, left: IMetric[], label?: string): GraphWidget =>
  new GraphWidget({ title, left, width: WIDTH, leftYAxis: { min: 0, ...(label === undefined ? {} : { label }) } });

/** A group's counters in one graph, its times in another. */
function groupGraphs(group: (typeof METRIC_GROUPS)[number]): IWidget[] {
  const rows: [MetricName, MetricRow][] = (Object.entries(METRICS) as [MetricName, MetricRow][]).filter(
    ([, row]) => row.group === group,
  );
  const counters = rows.filter(([, { kind }]) => kind === "counter").flatMap(([name, row]) => countersOf(name, row));
  const timings = rows.filter(([, { kind }]) => kind === "timing").map(([name]) => batonMetric(name, Stats.MAXIMUM));
  return [
    ...(counters.length === 0 ? [] : [graph(pascalCase(group), counters)]),
    ...(timings.length === 0 ? [] : [graph(`${pascalCase(group)}: the longest`, timings, "ms")]),
  ];
}

/** One line for each value of a dimension: CloudWatch adds nothing up by itself. */
function countersOf(name: MetricName, { dimensions }: MetricRow): IMetric[] {
  const [dimension, ...more] = Object.entries(dimensions);
  if (more.length > 0) throw new Error(`${name} has more dimensions than one: say how it shall be shown`);
  if (dimension === undefined) return [batonMetric(name, Stats.SUM)];
  const [key, values] = dimension;
  return values.map((value) => batonMetric(name, Stats.SUM, { [key]: value }).with({ label: `${name} ${value}` }));
}

function queueGraphs({ queues, pools }: BatonData): IWidget[] {
  const all = [
    ...[...queues].flatMap(([, { queue, deadLetters }]) => [queue, deadLetters]),
    ...[...pools].map(([, { queue }]) => queue),
  ];
  return [
    graph(
      "Messages that wait",
      all.map((queue) => queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: Stats.MAXIMUM })),
    ),
    graph(
      "Age of the oldest",
      [...pools].map(([, { queue }]) =>
        queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: Stats.MAXIMUM }),
      ),
      "s",
    ),
  ];
}

function functionGraphs({ functions }: BatonControl): IWidget[] {
  const each = (metricName: string, statistic: string) =>
    [...functions].map(
      ([name]) =>
        new Metric({
          namespace: "AWS/Lambda",
          metricName,
          statistic,
          period: PERIOD,
          dimensionsMap: { FunctionName: resourceName(name) },
          label: name,
        }),
    );
  return [
    graph("Function errors", each("Errors", Stats.SUM)),
    graph("Function durations", each("Duration", Stats.MAXIMUM), "ms"),
    graph("Function calls at once", each("ConcurrentExecutions", Stats.MAXIMUM)),
  ];
}
