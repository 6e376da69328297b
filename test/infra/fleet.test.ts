import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { clean, resourcesOf, synthesise } from "./synthesised.ts";

const made = synthesise({ fleet: "on", pools: "default,forks", fleetMax: "7" });
afterAll(() => clean(made));
const one = (type: string, from = made) => {
  const [found, ...more] = Object.values(resourcesOf(from, type));
  if (found === undefined || more.length > 0) throw new Error(`there is not exactly one ${type}`);
  return found.Properties;
};

describe("the fleet", () => {
  test("it is not there unless it is asked for", () => {
    const without = synthesise();
    expect(without.templates["BatonFleet"]).toBeUndefined();
    clean(without);
  });

  test("it costs nothing while nobody builds: no host at least, and no resource that bills by the hour", () => {
    expect(one("AWS::AutoScaling::AutoScalingGroup")).toMatchObject({ MinSize: "0", MaxSize: "7" });
    expect(one("AWS::AutoScaling::AutoScalingGroup")).not.toHaveProperty("DesiredCapacity");
    const types = new Set(Object.values(made.templates["BatonFleet"]?.Resources ?? {}).map(({ Type }) => Type));
    expect([...types].filter((type) => /Nat|Endpoint|LoadBalancer|::EIP|Instance$/.test(type))).toEqual([]);
  });

  test("hosts are spot hosts of several types, unless somebody says otherwise", () => {
    expect(one("AWS::AutoScaling::AutoScalingGroup")["MixedInstancesPolicy"]).toMatchObject({
      InstancesDistribution: {
        OnDemandPercentageAboveBaseCapacity: 0,
        SpotAllocationStrategy: "price-capacity-optimized",
      },
    });
    const dear = synthesise({ fleet: "on", fleetMarket: "on-demand", fleetTypes: "c7g.xlarge" });
    expect(one("AWS::AutoScaling::AutoScalingGroup", dear)["MixedInstancesPolicy"]).toMatchObject({
      InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 100 },
      LaunchTemplate: { Overrides: [{ InstanceType: "c7g.xlarge" }] },
    });
    clean(dear);
  });

  test("nothing comes in, metadata is asked by IMDSv2 alone, and disks are encrypted", () => {
    expect(one("AWS::EC2::SecurityGroup")).not.toHaveProperty("SecurityGroupIngress");
    expect(one("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]).toMatchObject({
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      BlockDeviceMappings: [{ Ebs: { Encrypted: true, DeleteOnTermination: true } }],
    });
    expect(JSON.stringify(one("AWS::EC2::LaunchTemplate"))).not.toContain("KeyName");
  });

  test("case A6, SECURITY 12: there is no token, and every word of the user data's script has its value", () => {
    expect(JSON.stringify(made.templates["BatonFleet"])).not.toMatch(/token_parameter|fleet-token|SecureString/);
    expect(userData()).toContain("pools='default'");
    expect(userData()).not.toMatch(/@[A-Z0-9_]+@/);
    const asked = readFileSync(new URL("../../runner/ec2/user-data.sh", import.meta.url), "utf8").match(
      /'@[A-Z0-9_]+@'/g,
    );
    expect(asked?.length).toBeGreaterThan(0);
  });

  test("case A6, SECURITY 23: the control plane knows its hosts by their role, which EC2 alone may assume", () => {
    const role = Object.values(resourcesOf(made, "AWS::IAM::Role")).find(({ Properties }) =>
      JSON.stringify(Properties["RoleName"] ?? "").includes("baton-fleet-host-"),
    );
    expect(role?.Properties["AssumeRolePolicyDocument"]).toMatchObject({
      Statement: [{ Action: "sts:AssumeRole", Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" } }],
    });
    const known = hostVariables(made);
    expect(known["BATON_HOST_ROLES"]).toMatch(/:role\/baton-fleet-host-.*\|default/);
    expect(known["BATON_HOST_AUDIENCE"]).toContain("ApiEndpoint");
    expect(known["AWS_ENDPOINT_URL_STS"]).toBeUndefined();
  });

  test("case A6: without a fleet no host is known; roles of the operator's own can be", () => {
    const none = synthesise();
    expect(hostVariables(none)).toEqual({});
    clean(none);
    const hostRoles = "arn:aws:iam::123456789012:role/builders|gpu";
    const own = synthesise({ pools: "default,gpu", hostRoles, awsEndpoint: "http://127.0.0.1:4566" });
    expect(hostVariables(own)).toMatchObject({
      BATON_HOST_ROLES: JSON.stringify(hostRoles),
      AWS_ENDPOINT_URL_STS: JSON.stringify("http://127.0.0.1:4566"),
    });
    clean(own);
  });

  test("case A6, SECURITY 9: a host may read its runner and no token, and protect hosts of its own group", () => {
    const text = JSON.stringify(
      Object.values(resourcesOf(made, "AWS::IAM::Policy")).filter(({ Properties }) =>
        JSON.stringify(Properties["PolicyName"]).includes("Hosts"),
      ),
    );
    expect([...text.matchAll(/"((?:ssm|s3|autoscaling):\w+)"/g)].map((found) => found[1]).sort()).toEqual([
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:SetInstanceProtection",
      "s3:GetObject",
    ]);
    expect(text).toContain("autoScalingGroupName/baton-fleet");
  });

  test("it runs in a VPC of the operator's choice", () => {
    const own = synthesise({
      fleet: "on",
      vpcId: "vpc-0a1b2c3d4e5f60718",
      subnetIds: "subnet-0a1b2c3d4e5f60718,subnet-0b1b2c3d4e5f60718",
    });
    expect(one("AWS::AutoScaling::AutoScalingGroup", own)["VPCZoneIdentifier"]).toEqual([
      "subnet-0a1b2c3d4e5f60718",
      "subnet-0b1b2c3d4e5f60718",
    ]);
    expect(one("AWS::EC2::SecurityGroup", own)["VpcId"]).toBe("vpc-0a1b2c3d4e5f60718");
    clean(own);
  });
});

describe("its size", () => {
  const query = z.object({ Id: z.string(), Expression: z.string().optional() });
  const expressions = (metrics: unknown) =>
    z
      .array(query)
      .parse(metrics)
      .flatMap(({ Expression }) => (Expression === undefined ? [] : [Expression]));
  const policies = Object.values(resourcesOf(made, "AWS::AutoScaling::ScalingPolicy")).map(
    ({ Properties }) => Properties,
  );

  test("follows the backlog of its own pools for each host", () => {
    const [tracking] = policies.filter(({ PolicyType }) => PolicyType === "TargetTrackingScaling");
    const metrics = z
      .object({ CustomizedMetricSpecification: z.object({ Metrics: z.array(z.unknown()) }) })
      .parse(tracking?.["TargetTrackingConfiguration"]).CustomizedMetricSpecification.Metrics;
    expect(expressions(metrics)).toEqual([
      "(FILL(q0_0, 0) + FILL(q0_1, 0)) / IF(FILL(hosts, 0) > 0, FILL(hosts, 0), 1)",
    ]);
    expect(JSON.stringify(metrics)).not.toContain("Forks");
  });

  test("leaves zero by steps, for a multiple of no host is none", () => {
    const [first] = policies.filter(({ PolicyType }) => PolicyType === "StepScaling");
    expect(first?.["StepAdjustments"]).toEqual([
      { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 3, ScalingAdjustment: 1 },
      { MetricIntervalLowerBound: 3, MetricIntervalUpperBound: 15, ScalingAdjustment: 2 },
      { MetricIntervalLowerBound: 15, ScalingAdjustment: 4 },
    ]);
    const waiting = Object.values(made.templates["BatonFleet"]?.Resources ?? {}).find(
      ({ Type }) => Type === "AWS::CloudWatch::Alarm",
    );
    expect(expressions(waiting?.Properties["Metrics"])).toEqual([
      "IF(FILL(hosts, 0) < 1, IF(FILL(offers, 0) > (FILL(q0_0, 0) + FILL(q0_1, 0)), FILL(offers, 0), (FILL(q0_0, 0) + FILL(q0_1, 0))), 0)",
    ]);
  });

  test("where other pools are busy it may leave zero by its own queues alone", () => {
    const patient = synthesise({ fleet: "on", fleetWake: "queue" });
    const text = JSON.stringify(patient.templates["BatonFleet"]);
    expect(text).toContain("IF(FILL(hosts, 0) < 1, (FILL(q0_0, 0) + FILL(q0_1, 0)), 0)");
    expect(text).not.toContain("OffersSent");
    clean(patient);
  });
});

/** What the one function that opens sessions is told of hosts, as JSON; no other function is told. */
function hostVariables(from: typeof made): Record<string, string> {
  const found = Object.values(resourcesOf(from, "AWS::Lambda::Function")).flatMap(({ Properties }) => {
    const variables = z.object({ Variables: z.record(z.string(), z.unknown()) }).safeParse(Properties["Environment"]);
    const names = Object.entries(variables.data?.Variables ?? {});
    return names.filter(([name]) => /^BATON_HOST_|^AWS_ENDPOINT_URL_STS$/.test(name));
  });
  expect(new Set(found.map(([name]) => name)).size).toBe(found.length);
  return Object.fromEntries(found.map(([name, value]) => [name, JSON.stringify(value)]));
}

function userData(): string {
  const data = z
    .object({
      LaunchTemplateData: z.object({
        UserData: z.object({ "Fn::Base64": z.object({ "Fn::Join": z.tuple([z.string(), z.array(z.unknown())]) }) }),
      }),
    })
    .parse(one("AWS::EC2::LaunchTemplate")).LaunchTemplateData.UserData["Fn::Base64"]["Fn::Join"];
  return data[1].map((piece) => (typeof piece === "string" ? piece : JSON.stringify(piece))).join(data[0]);
}
