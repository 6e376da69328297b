import { Stack } from "aws-cdk-lib";
import { CfnInstanceProfile, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Asset } from "aws-cdk-lib/aws-s3-assets";
import { Construct } from "constructs";
import { acknowledge, acknowledgeWildcards } from "./acknowledge.ts";
import { parameterArn } from "./grants.ts";

export interface HostRoleProps {
  readonly groupName: string;
  /** Name of the SSM parameter with the runner token: starts with a slash. */
  readonly tokenParameter: string;
  readonly archive: Asset;
}

/** What a host of the fleet may do: read its token and its runner, and say that it must not be taken while it works. */
export class HostRole extends Construct {
  readonly profile: CfnInstanceProfile;

  constructor(scope: Construct, id: string, { groupName, tokenParameter, archive }: HostRoleProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const role = new Role(this, "Role", { assumedBy: new ServicePrincipal("ec2.amazonaws.com") });
    const allow = (actions: string[], resource: string) =>
      role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
    allow(["ssm:GetParameter"], parameterArn(this, tokenParameter));
    allow(["s3:GetObject"], archive.bucket.arnForObjects(archive.s3ObjectKey));
    allow(["autoscaling:DescribeAutoScalingInstances"], "*");
    acknowledge(role, {
      "AwsSolutions-IAM5[Resource::*]": "autoscaling:DescribeAutoScalingInstances knows no resources; it only reads.",
    });
    const group = `arn:${stack.partition}:autoscaling:${stack.region}:${stack.account}:autoScalingGroup:*:autoScalingGroupName/${groupName}`;
    allow(["autoscaling:SetInstanceProtection"], group);
    acknowledgeWildcards(role, [group], "The group's own id is made with it; its name is given.");
    this.profile = new CfnInstanceProfile(this, "Profile", { roles: [role.roleName] });
  }
}
