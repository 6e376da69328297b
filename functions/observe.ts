import { AsyncLocalStorage } from "node:async_hooks";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics as EmbeddedMetrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { Counter, Histogram, Registry } from "prom-client";
import { boundData, boundError } from "../shared/lib/bound-data.ts";
import {
  type CounterName,
  METRIC_NAMESPACE,
  METRIC_SERVICE,
  METRICS,
  prometheusLabel,
  prometheusName,
  type TimingName,
} from "../shared/metrics.ts";
import type { Log, Metrics } from "../shared/usecases/deps.ts";

/** Logs as JSON lines correlated by request, run, job and fence; metrics as EMF, and as Prometheus text of this process. */

type Fields = Readonly<Record<string, unknown>>;

const correlation = new AsyncLocalStorage<Fields>();

/** Everything that is logged inside carries these fields. Concurrent calls in one process do not mix. */
export function correlated<T>(fields: Fields, call: () => Promise<T>): Promise<T> {
  return correlation.run({ ...correlation.getStore(), ...fields }, call);
}

export interface Observer {
  readonly log: Log & { error(message: string, error: unknown): void };
  readonly metrics: Metrics;
  /** Writes what was counted as one EMF line; once per invocation. */
  flush(): void;
  prometheus(): Promise<string>;
  readonly registry: Registry;
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
export function makeObserver(
  logLevel: "DEBUG" | "INFO" | "WARN" | "ERROR",
  registry: Registry = new Registry(),
): Observer {
  const logger = new Logger({ serviceName: METRIC_SERVICE, logLevel });
  const embedded = new EmbeddedMetrics({ namespace: METRIC_NAMESPACE, serviceName: METRIC_SERVICE });
  return {
    log: {
      info: (message, fields) => logger.info(message, bounded({ ...correlation.getStore(), ...fields })),
      warn: (message, fields) => logger.warn(message, bounded({ ...correlation.getStore(), ...fields })),
      error: (message, error) =>
        logger.error(message, { ...bounded({ ...correlation.getStore() }), error: boundError(toError(error)) }),
    },
    metrics: {
      count: (name, value = 1, dimensions) => {
        const known = Object.entries(dimensions ?? {}).map(([key, text]) => [key, String(text)] as const);
        countEmbedded(embedded, name, value, known);
        counter(registry, name).inc(
          Object.fromEntries(known.map(([key, text]) => [prometheusLabel(key), text])),
          value,
        );
      },
      timing: (name, ms) => {
        embedded.addMetric(name, MetricUnit.Milliseconds, ms);
        histogram(registry, name).observe(ms / 1_000);
      },
    },
    // In braces: what middy's `after` returns would take the place of the answer.
    flush: () => {
      if (embedded.hasStoredMetrics()) embedded.publishStoredMetrics();
    },
    prometheus: () => registry.metrics(),
    registry,
  };
}

/** A metric with dimensions of its own is a line of its own. */
function countEmbedded(
  embedded: EmbeddedMetrics,
  name: CounterName,
  value: number,
  dimensions: readonly (readonly [string, string])[],
): void {
  if (dimensions.length === 0) {
    embedded.addMetric(name, MetricUnit.Count, value);
    return;
  }
  const single = embedded.singleMetric();
  for (const [key, text] of dimensions) single.addDimension(key, text);
  single.addMetric(name, MetricUnit.Count, value);
}

function counter(registry: Registry, name: CounterName): Counter {
  const promName = prometheusName(name);
  const known = registry.getSingleMetric(promName);
  if (known instanceof Counter) return known;
  const labelNames = Object.keys(METRICS[name].dimensions).map(prometheusLabel);
  return new Counter({ name: promName, help: METRICS[name].meaning, labelNames, registers: [registry] });
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600];

function histogram(registry: Registry, name: TimingName): Histogram {
  const promName = prometheusName(name);
  const known = registry.getSingleMetric(promName);
  if (known instanceof Histogram) return known;
  return new Histogram({ name: promName, help: METRICS[name].meaning, buckets: SECONDS, registers: [registry] });
}

/** A line is an entry of CloudWatch, and of somebody's disk: no caller decides how long it is. */
const bounded = (fields: Fields): Record<string, unknown> => boundData(fields) as Record<string, unknown>;

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
