import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { attachMeter, type RequestMeter } from "../shared/lib/request-meter.ts";
import { toDocumentClient } from "../shared/store/document-client.ts";
import type { Environment } from "./environment.ts";
import { tableTransport } from "./table-transport.ts";

/** The SDK's clients, at AWS or at another endpoint, each with its requests counted. */

const atEndpoint = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });

/** The store repeats writes itself, with the right conditions; the SDK must not do so beneath it. */
export function documentClient(
  environment: Pick<Environment, "AWS_ENDPOINT_URL_DYNAMODB">,
  meter: RequestMeter,
): DynamoDBDocumentClient {
  const place = { ...atEndpoint(environment.AWS_ENDPOINT_URL_DYNAMODB), ...tableTransport() };
  const client = new DynamoDBClient({ ...place, maxAttempts: 1 });
  attachMeter(client, "DynamoDB", meter);
  return toDocumentClient(client);
}

/** `credentials`: other ones than the function's own. */
export function sqsClient(
  environment: Pick<Environment, "AWS_ENDPOINT_URL_SQS">,
  meter: RequestMeter,
  credentials: Pick<SQSClientConfig, "credentials"> = {},
): SQSClient {
  const endpoint = environment.AWS_ENDPOINT_URL_SQS;
  const place = { ...atEndpoint(endpoint), useQueueUrlAsEndpoint: endpoint === undefined };
  const client = new SQSClient({ ...place, ...credentials });
  attachMeter(client, "SQS", meter);
  return client;
}

/** Checksums only where asked: a link for a log's first chunk cannot know one. */
export function s3Client(environment: Pick<Environment, "AWS_ENDPOINT_URL_S3">, meter: RequestMeter): S3Client {
  const endpoint = environment.AWS_ENDPOINT_URL_S3;
  const client = new S3Client({
    ...atEndpoint(endpoint),
    forcePathStyle: endpoint !== undefined,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  attachMeter(client, "S3", meter);
  return client;
}
