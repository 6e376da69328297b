import { type Clock, processStartedAtMs } from "../../shared/lib/clock.ts";
import type { RequestMeter } from "../../shared/lib/request-meter.ts";
import { DEAD_LETTER_SUFFIX, QUEUES } from "../../shared/resources.ts";
import type { UsageReport } from "../../shared/usecases/read-status.ts";
import type { StatusEnvironment } from "../environment.ts";
import { processRegistry } from "../process-registry.ts";
import { cloudwatchUsage } from "./cloudwatch-usage.ts";
import { processUsage } from "./process-usage.ts";

/** AWS's own counts come minutes late: to ask for them more often shows nothing new. */
const KEPT_MS = 300_000;

export interface UsageParts {
  readonly clock: Clock;
  readonly meter: RequestMeter;
  readonly poolQueueUrl: (pool: string) => string;
  readonly workQueueUrl: (queue: string) => string;
}

/** Who counts what is used, as BATON_USAGE says. Throws, when it is asked, where nobody does. */
export function makeUsage(environment: StatusEnvironment, parts: UsageParts): () => Promise<UsageReport> {
  if (environment.BATON_USAGE === "process") return () => processUsage(processRegistry, processStartedAtMs);
  if (environment.BATON_USAGE === "cloudwatch") return kept(parts.clock, () => monthOf(environment, parts));
  return async () => {
    throw new Error("nobody counts: BATON_USAGE is not set for this control plane");
  };
}

function kept(clock: Clock, ask: () => Promise<UsageReport>): () => Promise<UsageReport> {
  let last: { readonly report: UsageReport; readonly untilMs: number } | undefined;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (last !== undefined && last.untilMs > nowMs) return last.report;
    const report = await ask();
    last = { report, untilMs: nowMs + KEPT_MS };
    return report;
  };
}

async function monthOf(environment: StatusEnvironment, parts: UsageParts): Promise<UsageReport> {
  const { askCloudwatch } = await import("./ask-cloudwatch.ts");
  const lastPart = (url: string) => url.slice(url.lastIndexOf("/") + 1);
  const workQueues = Object.keys(QUEUES).map((queue) => lastPart(parts.workQueueUrl(queue)));
  const prefix = lastPart(parts.workQueueUrl(""));
  return cloudwatchUsage(
    askCloudwatch(parts.meter),
    {
      table: environment.BATON_TABLE,
      functionName: (name) => prefix + name,
      queues: [
        ...workQueues,
        ...workQueues.map((queue) => queue + DEAD_LETTER_SUFFIX),
        ...environment.BATON_POOLS.map((pool) => lastPart(parts.poolQueueUrl(pool))),
      ],
    },
    parts.clock.nowMs(),
  );
}
