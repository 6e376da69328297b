import { Counter, type Registry } from "prom-client";
import type { RequestMeter } from "../shared/lib/request-meter.ts";

/** The request meter as Prometheus counters of this process. */
export function prometheusMeter(registry: Registry): RequestMeter {
  const requests = new Counter({
    name: "baton_aws_requests_total",
    help: "AWS requests sent by this process",
    labelNames: ["service", "operation", "empty"],
    registers: [registry],
  });
  const units = new Counter({
    name: "baton_dynamodb_units_total",
    help: "Capacity units that DynamoDB reported, of the table and of its indexes",
    labelNames: ["operation", "of"],
    registers: [registry],
  });
  const items = new Counter({
    name: "baton_dynamodb_items_total",
    help: "Items named by DynamoDB requests",
    labelNames: ["operation"],
    registers: [registry],
  });
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
