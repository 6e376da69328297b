import type { JOB_STATES } from "./domain/job-moves.ts";
import type { RunState } from "./domain/run-moves.ts";
import { TRIGGER_SOURCES } from "./protocol/triggers.ts";

/**
 * Every metric, as data: the use cases' types, CloudWatch's embedded metric format, the Prometheus text, the dashboard and
 * docs/METRICS.md are made from it. Dimensions and their values are OpenTelemetry's where its conventions for CI/CD have
 * some: https://opentelemetry.io/docs/specs/semconv/cicd/cicd-metrics/.
 */

/** In CloudWatch each metric has the dimension `service` with this value, beside its own. */
export const METRIC_NAMESPACE = "Baton";
export const METRIC_SERVICE = "baton";

export interface MetricRow {
  /** A counter is a sum of events; a timing is a time in milliseconds (in Prometheus: a histogram of seconds). */
  readonly kind: "counter" | "timing";
  readonly group: (typeof METRIC_GROUPS)[number];
  /** The values that each dimension has: CloudWatch bills each combination as a metric of its own. */
  readonly dimensions: Readonly<Record<string, readonly string[]>>;
  readonly meaning: string;
  /** The convention of OpenTelemetry that it is, with what else that one is told by. */
  readonly openTelemetry?: string;
}

export const METRIC_GROUPS = ["runs", "jobs", "leases", "queues", "health", "triggers", "reports"] as const;

/** Well-known values of `cicd.pipeline.result`. */
export const PIPELINE_RESULTS = ["success", "failure", "timeout", "error", "cancellation"] as const;
export type PipelineResult = (typeof PIPELINE_RESULTS)[number];
/** Well-known values of `cicd.pipeline.task.run.result`. */
export const TASK_RESULTS = [...PIPELINE_RESULTS, "skip"] as const;
export type TaskResult = (typeof TASK_RESULTS)[number];

export const METRICS = {
  RunsCreated: { kind: "counter", group: "runs", dimensions: {}, meaning: "Runs that were born" },
  RunsEnded: {
    kind: "counter",
    group: "runs",
    dimensions: { "cicd.pipeline.result": PIPELINE_RESULTS },
    meaning: "Runs that ended, by their result; a definition that is invalid is a failure, a lost job an error",
  },
  RunMs: {
    kind: "timing",
    group: "runs",
    dimensions: {},
    meaning: "From a run's birth to its end",
    openTelemetry: "cicd.pipeline.run.duration",
  },
  JobsEnded: {
    kind: "counter",
    group: "jobs",
    dimensions: { "cicd.pipeline.task.run.result": TASK_RESULTS },
    meaning: "Jobs that ended after an attempt, by their result",
  },
  Failures: {
    kind: "counter",
    group: "jobs",
    dimensions: {},
    meaning: "Jobs that failed, timed out or were lost",
    openTelemetry: "cicd.pipeline.run.errors",
  },
  QueueWaitMs: {
    kind: "timing",
    group: "jobs",
    dimensions: {},
    meaning: "From when a job was free to its first lease",
  },
  RecoveryMs: {
    kind: "timing",
    group: "jobs",
    dimensions: {},
    meaning: "From when a job was free again, after an attempt, to its next lease",
  },
  LeasesGranted: { kind: "counter", group: "leases", dimensions: {}, meaning: "Claims that were granted" },
  LeasesLost: {
    kind: "counter",
    group: "leases",
    dimensions: {},
    meaning: "Leases that ran out: the runner died, hung or lost its network",
    openTelemetry: "cicd.system.errors",
  },
  ClaimsRefused: {
    kind: "counter",
    group: "leases",
    dimensions: {},
    meaning: "Claims of jobs that another holds or that ended; many are normal, offers come more than once",
  },
  StaleCalls: {
    kind: "counter",
    group: "leases",
    dimensions: {},
    meaning: "Calls with a lease that was no longer valid, and were refused",
  },
  SessionsOpened: {
    kind: "counter",
    group: "leases",
    dimensions: {},
    meaning: "Sessions that runners opened or renewed",
  },
  OffersSent: { kind: "counter", group: "queues", dimensions: {}, meaning: "Offers sent to pools, repeats included" },
  OldestOfferAgeMs: {
    kind: "timing",
    group: "queues",
    dimensions: {},
    meaning: "How long the longest waiting job of a run has been free, at each of its ticks; look at the maximum",
  },
  ReconcileLagMs: {
    kind: "timing",
    group: "health",
    dimensions: {},
    meaning: "How long after a run's due time its tick was handled",
  },
  RunsLate: {
    kind: "counter",
    group: "health",
    dimensions: {},
    meaning: "Runs whose tick was lost, which sweep woke",
    openTelemetry: "cicd.system.errors",
  },
  HintsFailed: {
    kind: "counter",
    group: "health",
    dimensions: {},
    meaning: "Offers, ticks and other hints that a queue did not take; they are sent again from the table",
    openTelemetry: "cicd.system.errors",
  },
  SweepFailed: {
    kind: "counter",
    group: "health",
    dimensions: { part: ["runs", "deliveries", "reports", "schedules", "projects"] },
    meaning: "Parts of a sweep that failed, as a project whose forge does not answer",
    openTelemetry: "cicd.system.errors",
  },
  WebhookDeliveries: {
    kind: "counter",
    group: "triggers",
    dimensions: { outcome: ["accepted", "duplicate", "refused"] },
    meaning: "Deliveries by what the webhook's function answered",
  },
  DeliveriesHandled: {
    kind: "counter",
    group: "triggers",
    dimensions: { outcome: ["handled", "ignored", "failed"] },
    meaning: "Deliveries by what became of them",
  },
  RunsTriggered: {
    kind: "counter",
    group: "triggers",
    dimensions: { via: TRIGGER_SOURCES },
    meaning: "Runs that an event of a repository or a schedule started; those by sweep had a lost webhook",
  },
  SchedulesMissed: {
    kind: "counter",
    group: "triggers",
    dimensions: {},
    meaning: "Due times of schedules that passed while nothing swept",
  },
  ReportsSent: { kind: "counter", group: "reports", dimensions: {}, meaning: "Statuses and comments sent to forges" },
  ReportsPostponed: {
    kind: "counter",
    group: "reports",
    dimensions: {},
    meaning: "Reports that a forge did not take, and that are tried again",
  },
  ReportsFailed: {
    kind: "counter",
    group: "reports",
    dimensions: {},
    meaning: "Reports that were given up",
    openTelemetry: "cicd.system.errors",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export type MetricName = keyof typeof METRICS;
type NameOf<K extends MetricRow["kind"]> = {
  [N in MetricName]: (typeof METRICS)[N]["kind"] extends K ? N : never;
}[MetricName];
export type CounterName = NameOf<"counter">;
export type TimingName = NameOf<"timing">;
/** The dimensions of a metric, with the values that each may have. */
export type DimensionsOf<N extends MetricName> = {
  readonly [D in keyof (typeof METRICS)[N]["dimensions"]]: (typeof METRICS)[N]["dimensions"][D] extends readonly (infer V)[]
    ? V
    : never;
};

/** Counters of one process that CloudWatch has no need of, since AWS counts the same itself. Prometheus text only. */
export const PROCESS_METRICS = {
  awsRequests: {
    name: "baton_aws_requests_total",
    labels: ["service", "operation", "empty"],
    meaning: "AWS requests sent by this process",
  },
  dynamodbUnits: {
    name: "baton_dynamodb_units_total",
    labels: ["operation", "of"],
    meaning: "Capacity units that DynamoDB reported, of the table and of its indexes",
  },
  dynamodbItems: {
    name: "baton_dynamodb_items_total",
    labels: ["operation"],
    meaning: "Items named by DynamoDB requests",
  },
  apiRequests: { name: "baton_api_requests_total", labels: ["route"], meaning: "Requests to the HTTP API by route" },
  invocations: { name: "baton_lambda_invocations_total", labels: ["function"], meaning: "Invocations by function" },
} as const;

/** Metrics of one runner: Prometheus text on its own host. */
export const RUNNER_METRICS = {
  attempt_started: {
    name: "baton_runner_attempts_started_total",
    kind: "counter",
    meaning: "Leases granted to this runner",
  },
  attempt_ended: {
    name: "baton_runner_attempts_ended_total",
    kind: "counter",
    meaning: "Attempts by how they ended (label `end`)",
  },
  claim_refused: {
    name: "baton_runner_claims_refused_total",
    kind: "counter",
    meaning: "Offers that were no longer free",
  },
  bad_offer: { name: "baton_runner_bad_offers_total", kind: "counter", meaning: "Messages that were no offers" },
  unreachable: {
    name: "baton_runner_unreachable_total",
    kind: "counter",
    meaning: "Times that the control plane or a queue stopped answering",
  },
  backing_off: {
    name: "baton_runner_back_offs_total",
    kind: "counter",
    meaning: "Times that this host stopped claiming for a while, since it broke attempts (a full disk)",
  },
  interruption: {
    name: "baton_runner_interruptions_total",
    kind: "counter",
    meaning: "Notices that EC2 takes this instance away",
  },
  trouble: { name: "baton_runner_troubles_total", kind: "counter", meaning: "Failures told to the operator" },
  running: {
    name: "baton_runner_attempts_running",
    kind: "gauge",
    meaning: "Attempts that run now; with any, the worker is busy (`cicd.worker.count`, `cicd.worker.state`)",
  },
  busy: { name: "baton_runner_busy_seconds_total", kind: "counter", meaning: "Time spent in attempts" },
} as const;

const snakeCase = (name: string) => name.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase();

/** The metric's name in Prometheus text: https://prometheus.io/docs/practices/naming/. */
export function prometheusName(name: MetricName): string {
  return METRICS[name].kind === "counter"
    ? `baton_${snakeCase(name)}_total`
    : `baton_${snakeCase(name.replace(/Ms$/, ""))}_seconds`;
}

/** A dimension as a label: Prometheus allows no dots. */
export const prometheusLabel = (dimension: string) => dimension.replaceAll(".", "_");

type Results<S extends string, R> = Readonly<Partial<Record<S, R>>>;

const RUN_RESULTS: Readonly<Record<string, PipelineResult>> = {
  succeeded: "success",
  failed: "failure",
  plan_failed: "failure",
  timed_out: "timeout",
  errored: "error",
} satisfies Results<RunState, PipelineResult>;

const JOB_RESULTS: Readonly<Record<string, TaskResult>> = {
  succeeded: "success",
  failed: "failure",
  timed_out: "timeout",
  lost: "error",
  skipped: "skip",
} satisfies Results<(typeof JOB_STATES)[number], TaskResult>;

/** OpenTelemetry's word for a run's final state. */
export const pipelineResultOf = (state: string): PipelineResult => RUN_RESULTS[state] ?? "cancellation";
/** OpenTelemetry's word for a job's final state. */
export const taskResultOf = (state: string): TaskResult => JOB_RESULTS[state] ?? "cancellation";
