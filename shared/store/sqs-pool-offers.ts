import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { DomainError } from "../domain/errors.ts";
import type { PoolOffers } from "./pool-offers.ts";

/** Not 0: an embedded server loses a message that becomes visible at once. */
const PUT_BACK_SECONDS = 1;

/** The pools' queues on SQS. At most 10 offers or receipts a call. */
export function makeSqsPoolOffers(client: SQSClient, queueUrl: (pool: string) => string): PoolOffers {
  return {
    async receive(pool, max, waitSeconds) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl(pool),
          MaxNumberOfMessages: max,
          WaitTimeSeconds: waitSeconds,
        }),
      );
      return Messages.flatMap(({ Body, ReceiptHandle }) =>
        ReceiptHandle === undefined ? [] : [{ receipt: ReceiptHandle, body: Body ?? "" }],
      );
    },
    async remove(pool, receipts) {
      const Entries = receipts.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }));
      const { Failed } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl(pool), Entries }));
      refuseFailed(Failed);
    },
    async putBack(pool, receipts) {
      const Entries = receipts.map((ReceiptHandle, at) => ({
        Id: String(at),
        ReceiptHandle,
        VisibilityTimeout: PUT_BACK_SECONDS,
      }));
      const { Failed } = await client.send(
        new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl(pool), Entries }),
      );
      refuseFailed(Failed);
    },
  };
}

/** Throws `bad_request` where the receipts are to blame (unknown, run out, another queue's): no other try mends that. */
function refuseFailed(failed: readonly BatchResultErrorEntry[] = []): void {
  const first = failed.find(({ SenderFault }) => SenderFault !== true) ?? failed[0];
  if (first === undefined) return;
  const message = `${failed.length} receipts were refused by the queue: ${first.Message ?? first.Code}`;
  throw first.SenderFault === true ? new DomainError("bad_request", message) : new Error(message);
}
