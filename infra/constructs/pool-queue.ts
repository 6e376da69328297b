import { Duration } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { OFFER_QUEUE, resourceName } from "../../shared/resources.ts";
import { acknowledge } from "./acknowledge.ts";

const NO_DEAD_LETTERS =
  "An offer is a hint without authority: it expires within the hour, and the reconciler offers a job that is still queued again. A dead letter of it would only raise false alarms.";

/** A pool's offers: read by runners alone. */
export class PoolQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, pool: string) {
    super(scope, id);
    this.queue = new Queue(this, "Queue", {
      queueName: resourceName(OFFER_QUEUE.prefix + pool),
      visibilityTimeout: Duration.seconds(OFFER_QUEUE.visibilitySeconds),
      retentionPeriod: Duration.seconds(OFFER_QUEUE.retentionSeconds),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    acknowledge(this.queue, { "AwsSolutions-SQS3": NO_DEAD_LETTERS, "Serverless-SQSRedrivePolicy": NO_DEAD_LETTERS });
  }
}
