import { CreateTableCommand, type CreateTableCommandInput, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { PutBucketLifecycleConfigurationCommand, type S3Client } from "@aws-sdk/client-s3";
import { SetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { FauxqsServer } from "fauxqs";
import { BUCKET, OFFER_QUEUE, QUEUES, type QueueName, TABLE } from "../shared/resources.ts";
import { BUCKET_NAME, deadLetterName, poolQueueName, queueArn, queueName, queueUrl, TABLE_NAME } from "./names.ts";

/** Makes what `shared/resources.ts` names, where it is not there yet. */

export interface Makers {
  readonly dynamodb: DynamoDBClient;
  /** Makes queues and the bucket without a request each: seven of them would take a tenth of a start. */
  readonly aws: Pick<FauxqsServer, "createQueue" | "createBucket" | "inspectQueue">;
  readonly sqs: SQSClient;
  readonly awsUrl: string;
  /** For the rules by which objects expire; absent where none lives for days. */
  readonly s3: S3Client | undefined;
}

/** Idempotent: a restart finds everything, and takes over changed queue attributes. */
export async function createResources(makers: Makers, pools: readonly string[]): Promise<void> {
  const queues = Object.keys(QUEUES) as QueueName[];
  makers.aws.createBucket(BUCKET_NAME);
  await Promise.all([
    createTable(makers.dynamodb),
    ...(makers.s3 === undefined ? [] : [putLifecycle(makers.s3)]),
    ...queues.map((queue) => createWorkQueue(makers, queue)),
    ...pools.map((pool) => createPoolQueue(makers, pool)),
  ]);
}

export async function createTable(dynamodb: DynamoDBClient, tableName: string = TABLE_NAME): Promise<void> {
  try {
    await dynamodb.send(new CreateTableCommand(tableInput(tableName)));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ResourceInUseException") throw error;
  }
}

function tableInput(TableName: string): CreateTableCommandInput {
  const types = new Map<string, "S" | "N">(Object.entries(TABLE.key));
  for (const { pk, sk } of TABLE.indexes) types.set(pk.name, pk.type).set(sk.name, sk.type);
  return {
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: TABLE.indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: [
        { AttributeName: index.pk.name, KeyType: "HASH" },
        { AttributeName: index.sk.name, KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: [...index.project] },
    })),
  };
}

async function createWorkQueue(makers: Makers, queue: QueueName): Promise<void> {
  const { visibilitySeconds, retentionSeconds, maxReceives } = QUEUES[queue];
  const MessageRetentionPeriod = String(retentionSeconds);
  await createQueue(makers, deadLetterName(queue), { MessageRetentionPeriod });
  await createQueue(makers, queueName(queue), {
    VisibilityTimeout: String(visibilitySeconds),
    MessageRetentionPeriod,
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: queueArn(deadLetterName(queue)),
      maxReceiveCount: maxReceives,
    }),
  });
}

function createPoolQueue(makers: Makers, pool: string): Promise<void> {
  return createQueue(makers, poolQueueName(pool), {
    VisibilityTimeout: String(OFFER_QUEUE.visibilitySeconds),
    MessageRetentionPeriod: String(OFFER_QUEUE.retentionSeconds),
  });
}

/** What an existing queue holds is kept. */
async function createQueue(
  { aws, sqs, awsUrl }: Makers,
  name: string,
  attributes: Record<string, string>,
): Promise<void> {
  if (aws.inspectQueue(name) === undefined) aws.createQueue(name, { attributes });
  else await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl(awsUrl, name), Attributes: attributes }));
}

async function putLifecycle(s3: S3Client): Promise<void> {
  const Rules = BUCKET.lifecycle.map(({ prefix, expireDays }) => ({
    ID: prefix,
    Status: "Enabled" as const,
    Filter: { Prefix: prefix },
    Expiration: { Days: expireDays },
  }));
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket: BUCKET_NAME, LifecycleConfiguration: { Rules } }));
}
