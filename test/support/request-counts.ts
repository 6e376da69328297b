import { routes } from "../../shared/protocol/routes.ts";

/** What a deployment is billed for, as the counters of stack and runner tell it. */

/** Samples of Prometheus text by `name{label="value",…}`. */
export type Samples = ReadonlyMap<string, number>;

export function parseSamples(...texts: readonly string[]): Samples {
  const samples = new Map<string, number>();
  for (const line of texts.flatMap((text) => text.split("\n"))) {
    const [, key, value] = /^(baton_\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (key !== undefined) samples.set(key, (samples.get(key) ?? 0) + Number(value));
  }
  return samples;
}

export function since(before: Samples, after: Samples): Samples {
  return new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}

export interface RequestCounts {
  readonly apiRequests: number;
  readonly invocations: number;
  /** Items that writes named. */
  readonly itemWrites: number;
  /** Units of the indexes: the engine counts one for each entry of up to 1 KB, also in a transaction. */
  readonly indexWrites: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly sqs: number;
  readonly emptyPolls: number;
  readonly s3: number;
  /** Requests by `Service.Operation`, empty polls left out. */
  readonly operations: Readonly<Record<string, number>>;
}

const WRITES = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
const READS = ["GetItem", "Query"];

/** What was counted, without what people read: GET routes and the invocations behind them. */
export function requestCounts(samples: Samples): RequestCounts {
  const total = (name: string, labels: Readonly<Record<string, string>>) => sum(samples, name, labels);
  const aws = (service: string) => total("baton_aws_requests_total", { service, empty: "false" });
  const units = (operation: string, of: string) => total("baton_dynamodb_units_total", { operation, of });
  const reads = Object.values(routes).filter(({ method }) => method === "GET");
  const readRequests = reads.reduce(
    (all, { path }) => all + total("baton_api_requests_total", { route: `GET ${path}` }),
    0,
  );
  return {
    apiRequests: total("baton_api_requests_total", {}) - readRequests,
    invocations: total("baton_lambda_invocations_total", {}) - readRequests,
    itemWrites: addUp(WRITES.map((operation) => total("baton_dynamodb_items_total", { operation }))),
    indexWrites: addUp(WRITES.map((operation) => units(operation, "indexes"))),
    writeUnits: addUp(WRITES.flatMap((operation) => [units(operation, "table"), units(operation, "indexes")])),
    readUnits: addUp(READS.flatMap((operation) => [units(operation, "table"), units(operation, "indexes")])),
    sqs: aws("SQS"),
    emptyPolls: total("baton_aws_requests_total", { service: "SQS", empty: "true" }),
    s3: aws("S3"),
    operations: operationsOf(samples),
  };
}

const addUp = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

function sum(samples: Samples, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const found = [...samples].filter(
    ([key]) => (key === name || key.startsWith(`${name}{`)) && wanted.every((label) => key.includes(label)),
  );
  return addUp(found.map(([, value]) => value));
}

function operationsOf(samples: Samples): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [key, value] of samples) {
    const [, service, operation, empty] =
      /^baton_aws_requests_total\{service="(\w+)",operation="(\w+)",empty="(\w+)"/.exec(key) ?? [];
    if (service === undefined || operation === undefined || empty === "true" || value === 0) continue;
    found[`${service}.${operation}`] = (found[`${service}.${operation}`] ?? 0) + value;
  }
  return found;
}
