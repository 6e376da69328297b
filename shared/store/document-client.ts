import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

/**
 * The client that the store is made on. `convertClassInstanceToMap`: the SDK takes a map with an entry called
 * `constructor` (a job, a check or a variable may be called so) for an instance of a class, and refuses it otherwise.
 */
export function toDocumentClient(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true, convertClassInstanceToMap: true },
  });
}
