import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { QUEUES, type QueueName } from "../../shared/resources.ts";
import { PoolQueue } from "../constructs/pool-queue.ts";
import { ProductsBucket } from "../constructs/products-bucket.ts";
import { StateTable } from "../constructs/state-table.ts";
import { WorkQueue } from "../constructs/work-queue.ts";
import { pascalCase } from "../names.ts";
import type { Settings } from "../settings.ts";

/** What lasts: table, bucket and queues. Nothing in it bills while nothing is stored or sent. */
export class BatonData extends Stack {
  readonly table: TableV2;
  readonly bucket: Bucket;
  readonly queues: ReadonlyMap<QueueName, WorkQueue>;
  readonly pools: ReadonlyMap<string, PoolQueue>;

  constructor(scope: Construct, id: string, props: StackProps & { readonly settings: Settings }) {
    super(scope, id, props);
    const { pools } = props.settings;
    const retain = props.settings.retain === "on";
    this.table = new StateTable(this, "State", { retain }).table;
    this.bucket = new ProductsBucket(this, "Products", { retain }).bucket;
    const names = Object.keys(QUEUES) as QueueName[];
    this.queues = new Map(names.map((name) => [name, new WorkQueue(this, pascalCase(name), name)]));
    this.pools = new Map(pools.map((pool) => [pool, new PoolQueue(this, `Pool${pascalCase(pool)}`, pool)]));

    new CfnOutput(this, "TableName", { value: this.table.tableName });
    new CfnOutput(this, "BucketName", { value: this.bucket.bucketName });
    for (const [pool, { queue }] of this.pools)
      new CfnOutput(this, `PoolQueueUrl${pascalCase(pool)}`, { value: queue.queueUrl });
  }
}
