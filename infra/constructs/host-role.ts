import { Stack } from "aws-cdk-lib";
import { CfnInstanceProfile, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Asset } from "aws-cdk-lib/aws-s3-assets";
import { Construct } from "constructs";
import { resourceName } from "../../shared/resources.ts";
import { acknowledge, acknowledgeWildcards } from "./acknowledge.ts";

export interface HostRoleProps {
  readonly groupName: string;
  readonly archive: Asset;
}

/** By its name, since the control plane is deployed before it. Roles are of all regions of an account. */
export const hostRoleName = ({ region }: Stack): string => `${resourceName("fleet-host")}-${region}`;

/**
 * What a host of the fleet may do: read its runner, and say that it must not be taken while it works. It may read no token:
 * that it has this role is what opens its sessions, so nobody but EC2 may assume it.
 */
export class HostRole extends Construct {
  readonly profile: CfnInstanceProfile;

  constructor(scope: Construct, id: string, { groupName, archive }: HostRoleProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const role = new Role(this, "Role", {
      roleName: hostRoleName(stack),
      assumedBy: new ServicePrincipal("ec2.amazonaws.com"),
    });
    const allow = (actions: string[], resource: string) =>
      role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
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
