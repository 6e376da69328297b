import { Duration } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { DEAD_LETTER_SUFFIX, QUEUES, type QueueName, resourceName } from "../../shared/resources.ts";
import { acknowledge } from "./acknowledge.ts";

/** What could not be handled is kept this long, for somebody to look at: SQS's most. */
const DEAD_LETTER_DAYS = 14;

/** A queue that a function reads, with its dead letters. Encrypted with SQS's own key; TLS only. */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, name: QueueName) {
    super(scope, id);
    const { visibilitySeconds, retentionSeconds, maxReceives } = QUEUES[name];
    this.deadLetters = new Queue(this, "DeadLetters", {
      queueName: resourceName(name) + DEAD_LETTER_SUFFIX,
      retentionPeriod: Duration.days(DEAD_LETTER_DAYS),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    acknowledge(this.deadLetters, {
      "Serverless-SQSRedrivePolicy": "It holds the dead letters itself; an alarm tells of any.",
    });
    this.queue = new Queue(this, "Queue", {
      queueName: resourceName(name),
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      retentionPeriod: Duration.seconds(retentionSeconds),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: maxReceives },
    });
  }
}
