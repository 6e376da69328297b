import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { SQSEvent, SQSMessageAttributes, SQSRecord } from "aws-lambda";
import { AWS_REGION } from "../names.ts";

/** A batch as Lambda gets it from SQS, and its answer as Lambda reads it. */

export function sqsEvent(messages: readonly Message[], eventSourceARN: string): SQSEvent {
  return { Records: messages.map((message) => recordOf(message, eventSourceARN)) };
}

/**
 * The ids of the records to delete. As Lambda has it: no list means all, and an answer that is malformed or names a
 * record that was not in the batch means none
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
 */
export function doneIds(batchIds: readonly string[], result: unknown): readonly string[] {
  if (result === undefined || result === null) return batchIds;
  if (typeof result !== "object") return [];
  const failures = "batchItemFailures" in result ? result.batchItemFailures : undefined;
  if (failures === undefined || failures === null) return batchIds;
  if (!Array.isArray(failures)) return [];
  const failed = new Set<unknown>(failures.map(identifierOf));
  for (const id of failed) if (typeof id !== "string" || !batchIds.includes(id)) return [];
  return batchIds.filter((id) => !failed.has(id));
}

function identifierOf(failure: unknown): unknown {
  return typeof failure === "object" && failure !== null && "itemIdentifier" in failure
    ? failure.itemIdentifier
    : undefined;
}

function recordOf(message: Message, eventSourceARN: string): SQSRecord {
  return {
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: "0",
      SenderId: "",
      ApproximateFirstReceiveTimestamp: "0",
      ...message.Attributes,
    },
    messageAttributes: attributesOf(message.MessageAttributes ?? {}),
    md5OfBody: message.MD5OfBody ?? "",
    eventSource: "aws:sqs",
    eventSourceARN,
    awsRegion: AWS_REGION,
  };
}

function attributesOf(attributes: Record<string, MessageAttributeValue>): SQSMessageAttributes {
  const entries = Object.entries(attributes).map(([name, value]) => {
    const binary = value.BinaryValue === undefined ? undefined : Buffer.from(value.BinaryValue).toString("base64");
    return [
      name,
      {
        dataType: value.DataType ?? "String",
        ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
        ...(binary === undefined ? {} : { binaryValue: binary }),
      },
    ] as const;
  });
  return Object.fromEntries(entries);
}
