import { randomUUID } from "node:crypto";
import type { Clock } from "../../shared/lib/clock.ts";
import type { FunctionName } from "../../shared/resources.ts";
import type { Invoke } from "../invoke.ts";
import { ACCOUNT_ID, AWS_REGION } from "../names.ts";
import { errorFields, type Log } from "../stack-log.ts";

/** A function called at a fixed rate: what EventBridge Scheduler is to a deployment. */

export interface ScheduleOptions {
  readonly name: string;
  readonly function: FunctionName;
  readonly everySeconds: number;
  /** How long after now the first call is. */
  readonly firstAfterMs: number;
  readonly invoke: Invoke;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Schedule {
  stop(): void;
}

/** A call that is still running when the next is due is not doubled: the next is left out. */
export function startSchedule(options: ScheduleOptions): Schedule {
  let running = false;
  const call = async (): Promise<void> => {
    if (running) return;
    running = true;
    try {
      await options.invoke(options.function, scheduledEvent(options));
    } catch (error) {
      options.log("ERROR", "a scheduled call failed", { schedule: options.name, ...errorFields(error) });
    }
    running = false;
  };
  let timer = setTimeout(() => {
    timer = setInterval(() => void call(), options.everySeconds * 1_000);
    void call();
  }, options.firstAfterMs);
  return { stop: () => clearTimeout(timer) };
}

function scheduledEvent({ name, clock }: ScheduleOptions): Readonly<Record<string, unknown>> {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "Scheduled Event",
    source: "aws.scheduler",
    account: ACCOUNT_ID,
    region: AWS_REGION,
    time: new Date(clock.nowMs()).toISOString(),
    resources: [`arn:aws:scheduler:${AWS_REGION}:${ACCOUNT_ID}:schedule/default/${name}`],
    detail: {},
  };
}
