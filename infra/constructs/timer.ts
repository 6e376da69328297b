import { Duration } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { Construct } from "constructs";
import { resourceName, type SCHEDULES } from "../../shared/resources.ts";
import { acknowledge } from "./acknowledge.ts";
import type { BatonFunction } from "./baton-function.ts";

/**
 * A schedule that calls one function. A rule, not EventBridge's scheduler: it costs nothing, needs no role, and its right to
 * call names the rule. A call that fails is not repeated: the next one does the same work.
 */
export class Timer extends Construct {
  constructor(scope: Construct, id: string, schedule: (typeof SCHEDULES)[number], target: BatonFunction) {
    super(scope, id);
    const every = Duration.seconds(schedule.everySeconds);
    const rule = new Rule(this, "Rule", {
      ruleName: resourceName(schedule.name),
      schedule: Schedule.rate(every),
      targets: [new LambdaFunction(target.function, { retryAttempts: 0, maxEventAge: every })],
    });
    acknowledge(rule, {
      "Serverless-EventBusDLQ":
        "A call that was lost is nothing to keep: the next, a minute later, does the same work.",
    });
  }
}
