/**
 * What Baton stands on, as data: CDK and the embedded stack are both made from it. Names are logical; a deployment
 * prefixes them.
 */

export const TABLE = {
  name: "table",
  key: { pk: "S", sk: "S" },
  ttlAttribute: "ttl",
  indexes: [
    { name: "due", pk: { name: "dueShard", type: "S" }, sk: { name: "wakeAtMs", type: "N" }, project: ["tickSeq"] },
    {
      name: "by-project",
      pk: { name: "projectKey", type: "S" },
      sk: { name: "runId", type: "S" },
      project: ["state", "pipeline", "source", "createdAtMs", "endedAtMs", "rerunOf", "createdBy", "project"],
    },
  ],
} as const;

/** Queue attributes in SQS's own names and units (seconds). Visibility is at least six times the function's timeout. */
export const QUEUES = {
  ticks: {
    function: "reconcile",
    timeoutSeconds: 30,
    visibilitySeconds: 180,
    retentionSeconds: 86_400,
    maxReceives: 5,
    batch: 10,
  },
  plans: {
    function: "plan",
    timeoutSeconds: 30,
    visibilitySeconds: 180,
    retentionSeconds: 86_400,
    maxReceives: 5,
    batch: 1,
  },
  reports: {
    function: "report",
    timeoutSeconds: 30,
    visibilitySeconds: 180,
    retentionSeconds: 86_400,
    maxReceives: 5,
    batch: 1,
  },
} as const;
export type QueueName = keyof typeof QUEUES;

/** A pool's offer queue: read by runners, never by a Lambda. An offer that is lost is offered again from the table. */
export const OFFER_QUEUE = { prefix: "pool-", visibilitySeconds: 30, retentionSeconds: 3_600 } as const;

/** Pools that exist without being asked for. */
export const DEFAULT_POOLS = ["default"] as const;

export const BUCKET = {
  name: "products",
  /** Objects under these prefixes expire. Days. */
  lifecycle: [
    { prefix: "logs/", expireDays: 90 },
    { prefix: "artifacts/", expireDays: 90 },
    { prefix: "specs/", expireDays: 90 },
  ],
} as const;

export const SCHEDULES = [{ name: "sweep", function: "sweep", everySeconds: 60 }] as const;

/** Every Lambda, with what it is allowed: CDK grants this and nothing more. */
export const FUNCTIONS = {
  api: { memoryMb: 512, timeoutSeconds: 10 },
  lease: { memoryMb: 512, timeoutSeconds: 10 },
  plan: { memoryMb: 1_024, timeoutSeconds: 30 },
  reconcile: { memoryMb: 512, timeoutSeconds: 30 },
  sweep: { memoryMb: 512, timeoutSeconds: 30 },
  webhook: { memoryMb: 512, timeoutSeconds: 10 },
  report: { memoryMb: 512, timeoutSeconds: 30 },
  /** Called by an operator with IAM alone: no route, no queue and no schedule leads to it. */
  admin: { memoryMb: 512, timeoutSeconds: 30 },
} as const;
export type FunctionName = keyof typeof FUNCTIONS;
