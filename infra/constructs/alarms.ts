import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, type IMetric, Metric, Stats, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import { METRIC_NAMESPACE, METRIC_SERVICE, type MetricName } from "../../shared/metrics.ts";
import { resourceName } from "../../shared/resources.ts";
import { pascalCase } from "../names.ts";
import type { BatonControl } from "../stacks/baton-control.ts";
import type { BatonData } from "../stacks/baton-data.ts";

const PERIOD = Duration.minutes(5);
/** A job that waits for so long has no runner, or its pool too few; whether its offers lie in a queue or were swallowed. */
const OFFER_AGE_MS = 600_000;
/** A runner that dies is normal with spot hosts; more in five minutes is a fault. */
const LEASES_LOST = 5;
/** Ticks are handled within seconds; sweep heals what is a minute late. */
const RECONCILE_LAG_MS = 120_000;
/** Of the five sweeps of five minutes. */
const SWEEPS_FAILED = 3;

interface AlarmRow {
  readonly name: string;
  readonly metric: IMetric;
  /** Alarms when the metric is above this; or below it. */
  readonly above?: number;
  readonly below?: number;
  /** What to do about it. */
  readonly meaning: string;
}

/** A metric of ours, as the functions' logs tell it to CloudWatch. */
export const batonMetric = (
  metricName: MetricName,
  statistic: string,
  dimensions: Readonly<Record<string, string>> = {},
): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    statistic,
    period: PERIOD,
    dimensionsMap: { service: METRIC_SERVICE, ...dimensions },
  });

/**
 * The alarms. Each metric in one is $0.10 a month beyond the ten that every account has free: all ten are used. Hints that
 * failed (`HintsFailed`) need none: where they matter, offers wait or ticks come late.
 */
export class Alarms extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly data: BatonData; readonly control: BatonControl; readonly topicArn: string | undefined },
  ) {
    super(scope, id);
    const { data, control, topicArn } = props;
    const action = topicArn === undefined ? undefined : new SnsAction(Topic.fromTopicArn(this, "Topic", topicArn));
    for (const row of [...ofQueues(data), ...ofFunctions(control)]) {
      const alarm = new Alarm(this, pascalCase(row.name), {
        alarmName: resourceName(row.name),
        alarmDescription: row.meaning,
        metric: row.metric,
        evaluationPeriods: 1,
        threshold: row.above ?? row.below ?? 0,
        comparisonOperator:
          row.below === undefined ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
        // Nothing is told while nothing runs; only silence itself is an alarm where silence is what is looked for.
        treatMissingData: row.below === undefined ? TreatMissingData.NOT_BREACHING : TreatMissingData.BREACHING,
      });
      if (action !== undefined) alarm.addAlarmAction(action);
    }
  }
}

function ofQueues({ queues }: BatonData): AlarmRow[] {
  return [...queues].map(([name, { deadLetters }]) => ({
    name: `${name}-dead`,
    metric: deadLetters.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: Stats.MAXIMUM }),
    above: 0,
    meaning: `A message of ${name} failed too often: read it, and the function's log of its time.`,
  }));
}

function ofFunctions(control: BatonControl): AlarmRow[] {
  const sweep = control.functionOf("sweep").function;
  return [
    {
      name: "offers-wait",
      metric: batonMetric("OldestOfferAgeMs", Stats.MAXIMUM),
      above: OFFER_AGE_MS,
      meaning: "Jobs find no runner: `baton status` names their pool. Is one there, and does it reach the queue?",
    },
    {
      name: "leases-lost",
      metric: batonMetric("LeasesLost", Stats.SUM),
      above: LEASES_LOST,
      meaning: "Runners die, hang or lose their network.",
    },
    {
      name: "reconcile-lag",
      metric: batonMetric("ReconcileLagMs", Stats.MAXIMUM),
      above: RECONCILE_LAG_MS,
      meaning: "Runs wait for their ticks: is reconcile throttled, or its queue long?",
    },
    {
      name: "api-5xx",
      metric: control.front.api.metricServerError({ period: PERIOD, statistic: Stats.SUM }),
      above: 0,
      meaning: "A request failed by our own fault: the logs of api, lease and webhook name it by its request id.",
    },
    {
      name: "sweep-silent",
      metric: sweep.metricInvocations({ period: PERIOD, statistic: Stats.SUM }),
      below: 1,
      meaning: "Nobody sweeps, so that what is lost stays lost: look at the schedule.",
    },
    {
      name: "sweep-failing",
      metric: sweep.metricErrors({ period: PERIOD, statistic: Stats.SUM }),
      above: SWEEPS_FAILED,
      meaning: "Hardly a sweep ends well, so that some of what is lost stays lost: its log says which part fails.",
    },
    {
      name: "reports-failed",
      metric: batonMetric("ReportsFailed", Stats.SUM),
      above: 0,
      meaning: "A forge refuses to be shown a run: report's log says which, and why.",
    },
  ];
}
