import type { Registry } from "prom-client";
import { processCounter } from "../functions/request-metrics.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import type { FunctionName } from "../shared/resources.ts";

/** Counts what a deployment is billed for beside the functions' own AWS requests. */
export interface StackMeter {
  /** The pollers of the event sources. */
  readonly aws: RequestMeter;
  /** An HTTP request that has a route. */
  requested(routeKey: string): void;
  invoked(name: FunctionName): void;
}

/** The meter as Prometheus counters, beside those of the functions. */
export function prometheusStackMeter(registry: Registry, aws: RequestMeter): StackMeter {
  const requests = processCounter(registry, "apiRequests");
  const invocations = processCounter(registry, "invocations");
  return {
    aws,
    requested: (routeKey) => requests.inc({ route: routeKey }),
    invoked: (name) => invocations.inc({ function: name }),
  };
}

/** For functions that keep no counters. */
export const NO_METER: StackMeter = { aws: () => undefined, requested: () => undefined, invoked: () => undefined };
