import { CreateTableCommand, type CreateTableCommandInput, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateBucketCommand, PutBucketLifecycleConfigurationCommand, type S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, QueueNameExists, SetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { BUCKET, OFFER_QUEUE, QUEUES, type QueueName, TABLE } from "../shared/resources.ts";
import { BUCKET_NAME, deadLetterName, poolQueueName, queueArn, queueName, queueUrl, TABLE_NAME } from "./names.ts";

/** Makes what `shared/resources.ts` names, where it is not there yet. */

export interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly awsUrl: string;
}

/** Idempotent: a restart finds everything, and takes over changed queue attributes. */
export async function createResources(clients: Clients, pools: readonly string[]): Promise<void> {
  const queues = Object.keys(QUEUES) as QueueName[];
  await Promise.all([
    createTable(clients.dynamodb),
    createBucket(clients.s3),
    ...queues.map((queue) => createWorkQueue(clients, queue)),
    ...pools.map((pool) => createPoolQueue(clients, pool)),
  ]);
}

export async function createTable(dynamodb: DynamoDBClient): Promise<void> {
  try {
    await dynamodb.send(new CreateTableCommand(tableInput()));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ResourceInUseException") throw error;
  }
}

function tableInput(): CreateTableCommandInput {
  const types = new Map<string, "S" | "N">(Object.entries(TABLE.key));
  for (const { pk, sk } of TABLE.indexes) types.set(pk.name, pk.type).set(sk.name, sk.type);
  return {
    TableName: TABLE_NAME,
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

async function createWorkQueue(clients: Clients, queue: QueueName): Promise<void> {
  const { visibilitySeconds, retentionSeconds, maxReceives } = QUEUES[queue];
  const MessageRetentionPeriod = String(retentionSeconds);
  await createQueue(clients, deadLetterName(queue), { MessageRetentionPeriod });
  await createQueue(clients, queueName(queue), {
    VisibilityTimeout: String(visibilitySeconds),
    MessageRetentionPeriod,
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: queueArn(deadLetterName(queue)),
      maxReceiveCount: maxReceives,
    }),
  });
}

function createPoolQueue(clients: Clients, pool: string): Promise<void> {
  return createQueue(clients, poolQueueName(pool), {
    VisibilityTimeout: String(OFFER_QUEUE.visibilitySeconds),
    MessageRetentionPeriod: String(OFFER_QUEUE.retentionSeconds),
  });
}

async function createQueue({ sqs, awsUrl }: Clients, name: string, Attributes: Record<string, string>): Promise<void> {
  try {
    await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  } catch (error) {
    // The state is of a version that had other attributes.
    if (!(error instanceof QueueNameExists)) throw error;
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl(awsUrl, name), Attributes }));
  }
}

async function createBucket(s3: S3Client): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET_NAME }));
  const Rules = BUCKET.lifecycle.map(({ prefix, expireDays }) => ({
    ID: prefix,
    Status: "Enabled" as const,
    Filter: { Prefix: prefix },
    Expiration: { Days: expireDays },
  }));
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket: BUCKET_NAME, LifecycleConfiguration: { Rules } }));
}
