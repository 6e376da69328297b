import {
  METRIC_GROUPS,
  METRIC_NAMESPACE,
  METRIC_SERVICE,
  METRICS,
  type MetricName,
  type MetricRow,
  PROCESS_METRICS,
  prometheusLabel,
  prometheusName,
  RUNNER_METRICS,
} from "../shared/metrics.ts";
import { PRICES } from "../shared/prices.ts";
import { markdownTable } from "./markdown-table.ts";

/** The tables of docs/METRICS.md, printed from the list that the programs count by. */

const names = Object.keys(METRICS) as MetricName[];
const rowOf = (name: MetricName): MetricRow => METRICS[name];

export function printMetrics(): string {
  const groups = METRIC_GROUPS.map((group) => {
    const rows = names
      .filter((name) => rowOf(name).group === group)
      .map((name) => [
        `\`${name}\``,
        `\`${prometheusName(name)}\``,
        rowOf(name).kind === "counter" ? "count" : "ms",
        dimensionsOf(name),
        rowOf(name).meaning,
      ]);
    return `### ${group[0]?.toUpperCase()}${group.slice(1)}\n\n${markdownTable(["CloudWatch", "Prometheus", "unit", "dimensions", "meaning"], rows)}`;
  });
  return groups.join("\n\n");
}

function dimensionsOf(name: MetricName): string {
  const each = Object.entries(rowOf(name).dimensions);
  return each.map(([dimension, values]) => `\`${dimension}\`: ${values.join(", ")}`).join("<br>");
}

/** Where each metric stands in CloudWatch, and what all of them may cost. */
export function printMetricCost(): string {
  const series = names.reduce((sum, name) => sum + seriesOf(rowOf(name)), 0);
  const dollars = series * PRICES.cloudwatchMetricMonth;
  return [
    `Namespace \`${METRIC_NAMESPACE}\`; each has the dimension \`service\` = \`${METRIC_SERVICE}\`, beside its own.`,
    `CloudWatch bills a metric $${PRICES.cloudwatchMetricMonth.toFixed(2)} a month, by the hours in which it has a value, and each combination of dimensions as one:`,
    `all ${series} in every hour of a month would be $${dollars.toFixed(2)}. An hour in which nothing runs costs nothing.`,
  ].join("\n");
}

const seriesOf = ({ dimensions }: MetricRow) =>
  Object.values(dimensions).reduce((product, values) => product * values.length, 1);

export function printOpenTelemetry(): string {
  const rows = names.flatMap((name) => {
    const { openTelemetry, dimensions } = rowOf(name);
    const attributes = Object.keys(dimensions).filter((dimension) => dimension.startsWith("cicd."));
    if (openTelemetry === undefined && attributes.length === 0) return [];
    return [
      [
        `\`${name}\``,
        openTelemetry === undefined ? "–" : `\`${openTelemetry}\``,
        attributes.map((one) => `\`${one}\``).join(", "),
      ],
    ];
  });
  return markdownTable(["metric", "is of the kind of", "attributes, with their well-known values"], rows);
}

export function printProcessMetrics(): string {
  const rows = Object.values(PROCESS_METRICS).map(({ name, labels, meaning }) => [
    `\`${name}\``,
    labels.map((label) => `\`${prometheusLabel(label)}\``).join(", "),
    meaning,
  ]);
  return markdownTable(["Prometheus", "labels", "meaning"], rows);
}

export function printRunnerMetrics(): string {
  const rows = Object.values(RUNNER_METRICS).map(({ name, kind, meaning }) => [`\`${name}\``, kind, meaning]);
  return markdownTable(["Prometheus", "kind", "meaning"], rows);
}
