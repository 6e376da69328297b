import { Stack } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { PARAMETERS, parametersRoot, type QueueName, type Uses } from "../../shared/resources.ts";
import type { PoolQueue } from "./pool-queue.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What functions are granted to use. */
export interface Granted {
  readonly table: TableV2;
  readonly bucket: Bucket;
  readonly queues: ReadonlyMap<QueueName, WorkQueue>;
  readonly pools: ReadonlyMap<string, PoolQueue>;
  readonly tenant: string;
}

const READ_PARAMETER = { one: ["ssm:GetParameter"], below: ["ssm:GetParameter", "ssm:GetParametersByPath"] } as const;
const WRITE_PARAMETER = { one: ["ssm:PutParameter"], below: ["ssm:PutParameter", "ssm:DeleteParameter"] } as const;

/**
 * A function's `uses` as policy statements: each names its actions and resources. Only key prefixes end in `*`, or have one
 * for every project, and only CloudWatch has no resources to name.
 */
export function statementsOf(scope: Construct, uses: Uses, granted: Granted): PolicyStatement[] {
  const { table, bucket, tenant } = granted;
  const allow = (actions: readonly string[], resources: readonly string[]) =>
    actions.length === 0 || resources.length === 0
      ? []
      : [new PolicyStatement({ actions: [...actions], resources: [...resources] })];
  // As an export, so that the name of what is granted is known here, and cdk-nag's finding with it.
  const bucketArn = Stack.of(bucket).exportValue(bucket.bucketArn);
  const objects = (prefixes: readonly string[] = []) => prefixes.map((prefix) => `${bucketArn}/${prefix}*`);
  const queues = (names: readonly QueueName[] = []) => names.map((name) => queueOf(granted, name).queue.queueArn);
  const deadLetters = [...granted.queues.values()].map(({ deadLetters: queue }) => queue.queueArn);
  const offerQueues = [...granted.pools.values()].map(({ queue }) => queue.queueArn);
  const parameters = (
    names: readonly (keyof typeof PARAMETERS)[] = [],
    actions: typeof READ_PARAMETER | typeof WRITE_PARAMETER,
  ) =>
    names.flatMap((name) => {
      const isFolder = PARAMETERS[name].endsWith("/");
      const path = `${parametersRoot(tenant)}${PARAMETERS[name]}${isFolder ? "*" : ""}`;
      return allow(isFolder ? actions.below : actions.one, [parameterArn(scope, path)]);
    });
  return [
    ...allow(
      (uses.table ?? []).map((action) => `dynamodb:${action}`),
      [table.tableArn],
    ),
    ...allow(
      ["dynamodb:Query"],
      (uses.indexes ?? []).map((index) => `${table.tableArn}/index/${index}`),
    ),
    ...allow(["s3:GetObject"], objects(uses.read)),
    ...allow(["s3:PutObject"], objects(uses.write)),
    ...allow(uses.list === true ? ["s3:ListBucket"] : [], [bucketArn]),
    ...allow(["sqs:SendMessage"], [...queues(uses.send), ...(uses.offers === undefined ? [] : offerQueues)]),
    ...allow(["sqs:GetQueueAttributes"], [...queues(uses.measure), ...(uses.offers === "measured" ? offerQueues : [])]),
    ...allow(["sqs:GetQueueAttributes"], uses.depths === true ? [...deadLetters, ...offerQueues] : []),
    // It knows no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    ...allow(["cloudwatch:GetMetricData"], uses.usage === true ? ["*"] : []),
    ...parameters(uses.readParameters, READ_PARAMETER),
    ...parameters(uses.writeParameters, WRITE_PARAMETER),
  ];
}

function queueOf({ queues }: Granted, name: QueueName): WorkQueue {
  const found = queues.get(name);
  if (found === undefined) throw new Error(`there is no queue ${name}`);
  return found;
}

/** SecureStrings under the account's own key for SSM, which needs no grant of its own. The ARN has the path's first slash already. */
const parameterArn = (scope: Construct, path: string): string =>
  Stack.of(scope).formatArn({ service: "ssm", resource: "parameter", resourceName: path.replace(/^\//, "") });
