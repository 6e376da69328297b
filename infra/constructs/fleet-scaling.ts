import { type CfnAutoScalingGroup, CfnScalingPolicy } from "aws-cdk-lib/aws-autoscaling";
import { CfnAlarm } from "aws-cdk-lib/aws-cloudwatch";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { METRIC_NAMESPACE, METRIC_SERVICE, type MetricName } from "../../shared/metrics.ts";

/** Waiting offers for each host, which is one slot: with half a job waiting for each, another host is worth its start. */
const BACKLOG_PER_SLOT = 0.5;
const PERIOD_SECONDS = 60;
/** What a host needs until it asks for work. */
const WARMUP_SECONDS = 120;
/** From zero: offers that wait → hosts at once. Target tracking multiplies, and nothing times anything is nothing. */
const FIRST_HOSTS = [
  { from: 1, hosts: 1 },
  { from: 4, hosts: 2 },
  { from: 16, hosts: 4 },
] as const;

export interface FleetScalingProps {
  readonly group: CfnAutoScalingGroup;
  readonly groupName: string;
  readonly queues: readonly Queue[];
  /** The first host starts by offers to any pool, not only by what waits in the queues. */
  readonly wakesByOffers: boolean;
}

interface MetricRow {
  readonly id: string;
  readonly namespace: string;
  readonly metricName: string;
  readonly stat: string;
  readonly dimensions: { readonly name: string; readonly value: string }[];
}

/**
 * Hosts by backlog per slot. Claimed offers are deleted, so that what is in the queues is what waits; hosts that work are
 * protected from scale-in by their runners.
 */
export class FleetScaling extends Construct {
  constructor(scope: Construct, id: string, props: FleetScalingProps) {
    super(scope, id);
    const { group } = props;
    const rows = metricRows(props);
    const hosts = "FILL(hosts, 0)";
    const waiting = `(${rows
      .filter(({ id }) => id.startsWith("q"))
      .map(({ id }) => `FILL(${id}, 0)`)
      .join(" + ")})`;
    // A queue that nobody used for six hours takes up to 15 minutes to tell its depth again. Baton tells of its offers at once.
    const noticed = props.wakesByOffers ? `IF(FILL(offers, 0) > ${waiting}, FILL(offers, 0), ${waiting})` : waiting;

    new CfnScalingPolicy(this, "Tracking", {
      autoScalingGroupName: group.ref,
      policyType: "TargetTrackingScaling",
      estimatedInstanceWarmup: WARMUP_SECONDS,
      targetTrackingConfiguration: {
        targetValue: BACKLOG_PER_SLOT,
        customizedMetricSpecification: {
          metrics: [
            ...rows
              .filter(({ id }) => id !== "offers")
              .map(({ id, namespace, metricName, stat, dimensions }) => ({
                id,
                metricStat: { metric: { namespace, metricName, dimensions }, stat },
                returnData: false,
              })),
            { id: "backlog", expression: `${waiting} / IF(${hosts} > 0, ${hosts}, 1)`, returnData: true },
          ],
        },
      },
    });
    const first = new CfnScalingPolicy(this, "First", {
      autoScalingGroupName: group.ref,
      policyType: "StepScaling",
      adjustmentType: "ChangeInCapacity",
      metricAggregationType: "Maximum",
      estimatedInstanceWarmup: WARMUP_SECONDS,
      // Bounds count from the alarm's threshold, the first of them.
      stepAdjustments: FIRST_HOSTS.map(({ from, hosts: scalingAdjustment }, at) => {
        const next = FIRST_HOSTS[at + 1];
        return {
          scalingAdjustment,
          metricIntervalLowerBound: from - FIRST_HOSTS[0].from,
          ...(next === undefined ? {} : { metricIntervalUpperBound: next.from - FIRST_HOSTS[0].from }),
        };
      }),
    });
    new CfnAlarm(this, "Waiting", {
      alarmDescription: "Jobs wait and there is no host: the fleet starts its first.",
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: FIRST_HOSTS[0].from,
      evaluationPeriods: 1,
      treatMissingData: "notBreaching",
      alarmActions: [first.ref],
      metrics: [
        ...rows.map(({ id, namespace, metricName, stat, dimensions }) => ({
          id,
          metricStat: { metric: { namespace, metricName, dimensions }, stat, period: PERIOD_SECONDS },
          returnData: false,
        })),
        { id: "waiting", expression: `IF(${hosts} < 1, ${noticed}, 0)`, returnData: true },
      ],
    });
  }
}

function metricRows({ groupName, queues, wakesByOffers }: FleetScalingProps): MetricRow[] {
  const ofQueues = queues.flatMap(({ queueName }, at) =>
    ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"].map((metricName, of) => ({
      id: `q${at}_${of}`,
      namespace: "AWS/SQS",
      metricName,
      stat: "Maximum",
      dimensions: [{ name: "QueueName", value: queueName }],
    })),
  );
  const hosts = {
    id: "hosts",
    namespace: "AWS/AutoScaling",
    metricName: "GroupInServiceInstances",
    stat: "Average",
    dimensions: [{ name: "AutoScalingGroupName", value: groupName }],
  };
  const offers = {
    id: "offers",
    namespace: METRIC_NAMESPACE,
    metricName: "OffersSent" satisfies MetricName,
    stat: "Sum",
    dimensions: [{ name: "service", value: METRIC_SERVICE }],
  };
  return wakesByOffers ? [...ofQueues, hosts, offers] : [...ofQueues, hosts];
}
