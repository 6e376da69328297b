import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { embeddedCredentials } from "../../localstack/aws-server.ts";
import { AWS_REGION } from "../../localstack/names.ts";
import type { SpawnedStack } from "../../localstack/spawn-stack.ts";
import { type OthersTable, othersTableClient } from "./table-client.ts";

/** SDK clients of a stack's table, queues and bucket, past its functions. */
export function stackClients(stack: Pick<SpawnedStack, "ports"> & OthersTable, stateDir: string) {
  const signingKey = readFileSync(join(stateDir, "signing-key"), "utf8").trim();
  const client = { region: AWS_REGION, credentials: embeddedCredentials(signingKey), maxAttempts: 1 };
  const awsUrl = `http://127.0.0.1:${stack.ports.aws}`;
  let dynamodb: DynamoDBClient | undefined;
  return {
    awsUrl,
    /** Made when it is first used: few need it, and it takes a process to reach the table. */
    get dynamodb() {
      dynamodb ??= new DynamoDBClient({ ...client, ...othersTableClient(stack) });
      return dynamodb;
    },
    sqs: new SQSClient({ ...client, endpoint: awsUrl }),
    s3: new S3Client({ ...client, endpoint: awsUrl, forcePathStyle: true }),
  };
}
