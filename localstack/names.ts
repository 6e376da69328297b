import { BUCKET, DEAD_LETTER_SUFFIX, OFFER_QUEUE, type QueueName, resourceName, TABLE } from "../shared/resources.ts";

/** What logical names are called here: as a deployment calls them, in one account and region of no cloud. */

export const AWS_REGION = "us-east-1";
export const ACCOUNT_ID = "000000000000";

export const TABLE_NAME = resourceName(TABLE.name);
export const BUCKET_NAME = resourceName(BUCKET.name);
export const queueName = (queue: QueueName): string => resourceName(queue);
export const deadLetterName = (queue: QueueName): string => queueName(queue) + DEAD_LETTER_SUFFIX;
export const poolQueueName = (pool: string): string => resourceName(OFFER_QUEUE.prefix + pool);
export const queueArn = (name: string): string => `arn:aws:sqs:${AWS_REGION}:${ACCOUNT_ID}:${name}`;
export const queueUrl = (awsUrl: string, name: string): string => `${awsUrl}/${ACCOUNT_ID}/${name}`;
