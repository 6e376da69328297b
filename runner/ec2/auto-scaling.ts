import {
  AutoScalingClient,
  DescribeAutoScalingInstancesCommand,
  SetInstanceProtectionCommand,
} from "@aws-sdk/client-auto-scaling";

/**
 * Tells an instance's Auto Scaling group whether it may be scaled in. With the instance's own credentials; the group is
 * asked for once. An instance of no group is never scaled in: nothing is told.
 */
export function openAutoScaling(region: string, instanceId: string): (isProtected: boolean) => Promise<void> {
  const client = new AutoScalingClient({ region });
  let group: string | undefined;
  let isAlone = false;

  async function findGroup(): Promise<void> {
    const { AutoScalingInstances = [] } = await client.send(
      new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }),
    );
    group = AutoScalingInstances[0]?.AutoScalingGroupName;
    isAlone = group === undefined;
  }

  return async (isProtected) => {
    if (group === undefined && !isAlone) await findGroup();
    if (group === undefined) return;
    await client.send(
      new SetInstanceProtectionCommand({
        InstanceIds: [instanceId],
        AutoScalingGroupName: group,
        ProtectedFromScaleIn: isProtected,
      }),
    );
  };
}
