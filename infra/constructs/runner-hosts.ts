import { readFileSync } from "node:fs";
import { Fn } from "aws-cdk-lib";
import { CfnAutoScalingGroup } from "aws-cdk-lib/aws-autoscaling";
import { CfnLaunchTemplate, CfnSecurityGroup } from "aws-cdk-lib/aws-ec2";
import { Construct } from "constructs";
import type { Settings } from "../settings.ts";
import { acknowledge } from "./acknowledge.ts";
import { HostRole, type HostRoleProps } from "./host-role.ts";

const USER_DATA = new URL("../../runner/ec2/user-data.sh", import.meta.url);
/** EC2 takes no more, before base64. */
const USER_DATA_BYTES_MAX = 16_384;
/** Amazon Linux 2023 as it is when a host starts: no image of ours grows old. */
const IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
const DISK_GIB = 40;
const ONE_MINUTE = "1Minute";

export interface RunnerHostsProps extends HostRoleProps {
  readonly settings: Settings;
  readonly apiUrl: string;
  readonly archiveSha256: string;
}

/**
 * Hosts that run one job at a time, each process one job (`--ephemeral`): from none to as many as allowed. Nothing can
 * connect to them; they reach the internet from a public subnet, for a NAT gateway would bill by the hour.
 */
export class RunnerHosts extends Construct {
  readonly group: CfnAutoScalingGroup;

  constructor(scope: Construct, id: string, props: RunnerHostsProps) {
    super(scope, id);
    const { settings, groupName } = props;
    const { profile } = new HostRole(this, "Host", props);
    const template = this.#makeTemplate(props, profile.attrArn);
    this.group = new CfnAutoScalingGroup(this, "Group", {
      autoScalingGroupName: groupName,
      minSize: "0",
      maxSize: String(settings.fleetMax),
      // Without a subnet: the default subnets of every zone.
      ...(settings.subnetIds === undefined
        ? { availabilityZones: Fn.getAzs() }
        : { vpcZoneIdentifier: settings.subnetIds }),
      capacityRebalance: settings.fleetMarket === "spot",
      healthCheckType: "EC2",
      // A runner protects its own host while it holds a lease.
      newInstancesProtectedFromScaleIn: false,
      metricsCollection: [{ granularity: ONE_MINUTE, metrics: ["GroupInServiceInstances"] }],
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: settings.fleetMarket === "spot" ? 0 : 100,
          spotAllocationStrategy: "price-capacity-optimized",
        },
        launchTemplate: {
          launchTemplateSpecification: { launchTemplateId: template.ref, version: template.attrLatestVersionNumber },
          overrides: settings.fleetTypes.map((instanceType) => ({ instanceType })),
        },
      },
      tags: [{ key: "Name", value: groupName, propagateAtLaunch: true }],
    });
    acknowledge(this.group, {
      "AwsSolutions-EC26":
        "The rule cannot follow the template's version. The template encrypts its only volume, and a test says so.",
      "AwsSolutions-AS3": "Starts and ends of hosts are the fleet's daily work; the alarms tell of jobs that wait.",
    });
  }

  #makeTemplate(props: RunnerHostsProps, profileArn: string): CfnLaunchTemplate {
    const { settings, groupName } = props;
    // No rules: what comes in is refused, what goes out is let out, for builds fetch what they need from anywhere.
    const closed = new CfnSecurityGroup(this, "Closed", {
      groupDescription: "Baton runners: nothing comes in",
      ...(settings.vpcId === undefined ? {} : { vpcId: settings.vpcId }),
    });
    return new CfnLaunchTemplate(this, "Template", {
      launchTemplateData: {
        imageId: IMAGE,
        iamInstanceProfile: { arn: profileArn },
        userData: Fn.base64(userData(props)),
        // IMDSv2 only, and not for containers on the host.
        metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
        networkInterfaces: [{ deviceIndex: 0, associatePublicIpAddress: true, groups: [closed.attrGroupId] }],
        blockDeviceMappings: [
          {
            deviceName: "/dev/xvda",
            ebs: { volumeType: "gp3", volumeSize: DISK_GIB, encrypted: true, deleteOnTermination: true },
          },
        ],
        tagSpecifications: [{ resourceType: "volume", tags: [{ key: "Name", value: groupName }] }],
      },
    });
  }
}

/** The script of `runner/ec2/`, with values in place of its words between @ signs. Throws where one is left. */
function userData(props: RunnerHostsProps): string {
  const values: Readonly<Record<string, string>> = {
    URL: props.apiUrl,
    POOLS: props.settings.fleetPools.join(","),
    RUNNER_ARCHIVE: props.archive.s3ObjectUrl,
    RUNNER_SHA256: props.archiveSha256,
    RUNNER_OPTIONS: "",
  };
  const script = readFileSync(USER_DATA, "utf8");
  if (Buffer.byteLength(script) > USER_DATA_BYTES_MAX) throw new Error("runner/ec2/user-data.sh is too long for EC2");
  return script.replace(/'@([A-Z0-9_]+)@'/g, (_match, word: string) => {
    const value = values[word];
    if (value === undefined) throw new Error(`runner/ec2/user-data.sh asks for ${word}, which the fleet does not know`);
    return `'${value}'`;
  });
}
