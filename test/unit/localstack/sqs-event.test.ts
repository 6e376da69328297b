import { expect, test } from "vitest";
import { returnSeconds } from "../../../localstack/events/event-source.ts";
import { doneIds, sqsEvent } from "../../../localstack/events/sqs-event.ts";

const BATCH = ["a", "b", "c"];

test("no list of failures means that all is done", () => {
  for (const result of [undefined, null, {}, { batchItemFailures: null }, { batchItemFailures: [] }])
    expect(doneIds(BATCH, result)).toEqual(BATCH);
});

test("what failed is not done, and the rest is", () => {
  expect(doneIds(BATCH, { batchItemFailures: [{ itemIdentifier: "b" }] })).toEqual(["a", "c"]);
});

test("a malformed answer means that nothing is done", () => {
  const malformed = [
    "text",
    { batchItemFailures: "b" },
    { batchItemFailures: ["b"] },
    { batchItemFailures: [{ itemIdentifier: "" }] },
    { batchItemFailures: [{ itemIdentifier: "not-of-this-batch" }] },
  ];
  for (const result of malformed) expect(doneIds(BATCH, result)).toEqual([]);
});

test("a failed record rests longer each time, never 0 s, at most 30 s", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 50].map(returnSeconds)).toEqual([1, 1, 2, 4, 8, 16, 30, 30]);
});

test("a record carries its message's attributes as Lambda names them", () => {
  const message = {
    MessageId: "m",
    ReceiptHandle: "r",
    Body: "{}",
    Attributes: { ApproximateReceiveCount: "3", MessageGroupId: "g" },
    MessageAttributes: { kind: { DataType: "String", StringValue: "tick" } },
  };
  expect(sqsEvent([message], "arn").Records[0]).toMatchObject({
    messageId: "m",
    receiptHandle: "r",
    body: "{}",
    attributes: { ApproximateReceiveCount: "3", MessageGroupId: "g" },
    messageAttributes: { kind: { dataType: "String", stringValue: "tick" } },
    eventSourceARN: "arn",
  });
});
