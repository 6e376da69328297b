import { Counter, type Registry } from "prom-client";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import { PROCESS_METRICS } from "../shared/metrics.ts";

/** The request meter as Prometheus counters of this process. */
export function prometheusMeter(registry: Registry): RequestMeter {
  const requests = processCounter(registry, "awsRequests");
  const units = processCounter(registry, "dynamodbUnits");
  const items = processCounter(registry, "dynamodbItems");
  return (request) => {
    const { service, operation } = request;
    requests.inc({ service, operation, empty: String(request.empty) });
    if (service !== "DynamoDB") return;
    items.inc({ operation }, request.items);
    if (request.units === undefined) return;
    units.inc({ operation, of: "table" }, request.units.table);
    units.inc({ operation, of: "indexes" }, request.units.indexes);
  };
}

/** A counter of this process, as `shared/metrics.ts` names it: the same one whoever asks. */
export function processCounter(registry: Registry, metric: keyof typeof PROCESS_METRICS): Counter {
  const { name, meaning, labels } = PROCESS_METRICS[metric];
  const known = registry.getSingleMetric(name);
  if (known instanceof Counter) return known;
  return new Counter({ name, help: meaning, labelNames: labels, registers: [registry] });
}
