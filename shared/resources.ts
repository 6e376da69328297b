/**
 * What Baton stands on, as data: CDK and the embedded stack are both made from it. Names are logical.
 */

/** What a logical name is called wherever it is made. */
export const resourceName = (logical: string): string => `baton-${logical}`;

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

/** A work queue's dead letters lie in the queue of its name with this behind it. */
export const DEAD_LETTER_SUFFIX = "-dead";

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

/** Where a tenant's parameters are. */
export const parametersRoot = (tenant: string): string => `/baton/${tenant}/`;

/** Parameters of the tenant, below that. A name that ends with a slash stands for all below it, a `*` for any project. */
export const PARAMETERS = {
  signingKey: "signing-key",
  projects: "projects/",
  webhookSecrets: "webhooks/",
  forgeCredentials: "projects/*/forge",
  /** A token with the scope `runner`, for the hosts of the fleet. No function reads it. */
} as const;

/** What a function may do. Nothing else is granted to it, so a new call needs a word here. */
export interface Uses {
  /** DynamoDB actions on the table. A transaction needs those of its parts. None deletes: TTL does (SECURITY 35). */
  readonly table?: readonly ("DescribeTable" | "GetItem" | "PutItem" | "UpdateItem" | "Query")[];
  /** Indexes that it queries. */
  readonly indexes?: readonly (typeof TABLE.indexes)[number]["name"][];
  /** Objects under these prefixes: to read, to write, or to sign links for either. */
  readonly read?: readonly Prefix[];
  readonly write?: readonly Prefix[];
  /** To list the bucket. */
  readonly list?: true;
  /** Work queues that it sends to. */
  readonly send?: readonly QueueName[];
  /** Work queues whose depth it asks for. */
  readonly measure?: readonly QueueName[];
  /** Sends offers to every pool; with `measured`, also asks how many wait there. */
  readonly offers?: "sent" | "measured";
  /** Asks how much waits, everywhere: offers in the pools, and dead letters. */
  readonly depths?: true;
  /** Asks CloudWatch what all functions used. */
  readonly usage?: true;
  readonly readParameters?: readonly (keyof typeof PARAMETERS)[];
  readonly writeParameters?: readonly (keyof typeof PARAMETERS)[];
  /** May become the runners' role, to hand out a share of it. */
  readonly runnerRole?: true;
}
type Prefix = (typeof BUCKET.lifecycle)[number]["prefix"];

export interface FunctionResource {
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly uses: Uses;
}

/** Every Lambda, with what it is allowed: CDK grants this and nothing more. */
export const FUNCTIONS = {
  api: {
    memoryMb: 512,
    timeoutSeconds: 10,
    uses: {
      table: ["DescribeTable", "GetItem", "PutItem", "UpdateItem", "Query"],
      indexes: ["by-project"],
      read: ["logs/", "artifacts/", "specs/"],
      write: ["specs/"],
      list: true,
      send: ["ticks", "plans", "reports"],
      measure: ["ticks", "plans", "reports"],
      offers: "measured",
      readParameters: ["projects", "webhookSecrets"],
      writeParameters: ["projects", "webhookSecrets"],
    },
  },
  lease: {
    memoryMb: 512,
    timeoutSeconds: 10,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem", "Query"],
      read: ["artifacts/", "specs/"],
      write: ["logs/", "artifacts/"],
      send: ["ticks", "reports"],
      offers: "sent",
      // Alone it signs and verifies sessions and leases.
      readParameters: ["signingKey", "projects"],
      runnerRole: true,
    },
  },
  plan: {
    memoryMb: 1_024,
    timeoutSeconds: 30,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem", "Query"],
      write: ["specs/"],
      send: ["ticks", "plans", "reports"],
      offers: "sent",
      readParameters: ["forgeCredentials"],
    },
  },
  reconcile: {
    memoryMb: 512,
    timeoutSeconds: 30,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem", "Query"],
      read: ["specs/"],
      send: ["ticks", "plans", "reports"],
      offers: "measured",
    },
  },
  sweep: {
    memoryMb: 512,
    timeoutSeconds: 30,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem", "Query"],
      indexes: ["due"],
      write: ["specs/"],
      send: ["ticks", "plans", "reports"],
      offers: "sent",
      readParameters: ["forgeCredentials"],
    },
  },
  webhook: {
    memoryMb: 512,
    timeoutSeconds: 10,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem"],
      send: ["plans"],
      readParameters: ["webhookSecrets"],
    },
  },
  report: {
    memoryMb: 512,
    timeoutSeconds: 30,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem", "Query"],
      send: ["reports"],
      readParameters: ["forgeCredentials"],
    },
  },
  /** Apart from `api`, whose start need not wait for CloudWatch's client, and which need not be allowed to ask. */
  status: {
    memoryMb: 512,
    timeoutSeconds: 20,
    uses: { table: ["GetItem", "Query"], indexes: ["due"], depths: true, usage: true },
  },
  /** Called by an operator with IAM alone: no route, no queue and no schedule leads to it. */
  admin: {
    memoryMb: 512,
    timeoutSeconds: 30,
    uses: {
      table: ["GetItem", "PutItem", "UpdateItem"],
      readParameters: ["signingKey"],
      writeParameters: ["signingKey"],
    },
  },
} as const satisfies Record<string, FunctionResource>;
export type FunctionName = keyof typeof FUNCTIONS;
