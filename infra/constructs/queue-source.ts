import { EventSourceMapping } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { QUEUES, type QueueName } from "../../shared/resources.ts";
import { acknowledge } from "./acknowledge.ts";
import type { BatonFunction } from "./baton-function.ts";
import type { WorkQueue } from "./work-queue.ts";

/** Calls of one queue's function that may run at once. What waits is not lost: a tick of a busy minute comes later. */
const CONCURRENCY = 10;

/** Lets a function read its queue. Messages that it names as failed come again, and end among the dead letters. */
export class QueueSource extends Construct {
  constructor(scope: Construct, id: string, name: QueueName, { queue }: WorkQueue, reader: BatonFunction) {
    super(scope, id);
    queue.grantConsumeMessages(reader.role);
    const source = new EventSourceMapping(this, "Source", {
      target: reader.function,
      eventSourceArn: queue.queueArn,
      batchSize: QUEUES[name].batch,
      reportBatchItemFailures: true,
      maxConcurrency: CONCURRENCY,
    });
    acknowledge(source, {
      "Serverless-LambdaEventSourceMappingDestination":
        "A queue's source has no destination of its own: the queue's redrive policy is it.",
    });
  }
}
