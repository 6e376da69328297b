import { Duration, Stack } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Schedule, ScheduleExpression } from "aws-cdk-lib/aws-scheduler";
import { LambdaInvoke } from "aws-cdk-lib/aws-scheduler-targets";
import { Construct } from "constructs";
import type { SCHEDULES } from "../../shared/resources.ts";
import { resourceName } from "../names.ts";
import type { BatonFunction } from "./baton-function.ts";

/** A schedule that calls one function. A call that fails is not repeated: the next one does the same work. */
export class Timer extends Construct {
  constructor(scope: Construct, id: string, schedule: (typeof SCHEDULES)[number], target: BatonFunction) {
    super(scope, id);
    const every = Duration.seconds(schedule.everySeconds);
    const role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Stack.of(this).account } },
      }),
    });
    const { functionArn } = target.function;
    role.addToPolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [functionArn] }));
    new Schedule(this, "Schedule", {
      scheduleName: resourceName(schedule.name),
      schedule: ScheduleExpression.rate(every),
      target: new LambdaInvoke(target.function, {
        // As it is: the target would add every version of the function to it.
        role: role.withoutPolicyUpdates(),
        retryAttempts: 0,
        maxEventAge: every,
      }),
    });
  }
}
