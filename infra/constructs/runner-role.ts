import { Duration } from "aws-cdk-lib";
import { ArnPrincipal, PolicyStatement, Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { PoolQueue } from "./pool-queue.ts";

/** Sessions are 15 minutes; IAM's least for this limit is an hour. */
const SESSION_HOURS = 1;

/**
 * What a runner's session may do at most: read the pools' offers. Only the lease function may become it, and hands out a
 * session narrowed to that session's pools.
 */
export class RunnerRole extends Construct {
  readonly role: Role;

  constructor(
    scope: Construct,
    id: string,
    { lender, pools }: { readonly lender: Role; readonly pools: Iterable<PoolQueue> },
  ) {
    super(scope, id);
    this.role = new Role(this, "Role", {
      assumedBy: new ArnPrincipal(lender.roleArn),
      maxSessionDuration: Duration.hours(SESSION_HOURS),
    });
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        resources: [...pools].map(({ queue }) => queue.queueArn),
      }),
    );
    lender.addToPolicy(new PolicyStatement({ actions: ["sts:AssumeRole"], resources: [this.role.roleArn] }));
  }
}
