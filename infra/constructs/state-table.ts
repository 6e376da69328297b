import { RemovalPolicy } from "aws-cdk-lib";
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Construct } from "constructs";
import { TABLE } from "../../shared/resources.ts";

const TYPES = { S: AttributeType.STRING, N: AttributeType.NUMBER } as const;

/**
 * The table: pays per request, can be restored to any second of the last 35 days, and is encrypted with DynamoDB's own
 * key (a key of ours would be $1 a month and a call more).
 */
export class StateTable extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, { retain }: { readonly retain: boolean }) {
    super(scope, id);
    this.table = new TableV2(this, "Table", {
      partitionKey: { name: "pk", type: TYPES[TABLE.key.pk] },
      sortKey: { name: "sk", type: TYPES[TABLE.key.sk] },
      timeToLiveAttribute: TABLE.ttlAttribute,
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: retain,
      removalPolicy: retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      globalSecondaryIndexes: TABLE.indexes.map(({ name, pk, sk, project }) => ({
        indexName: name,
        partitionKey: { name: pk.name, type: TYPES[pk.type] },
        sortKey: { name: sk.name, type: TYPES[sk.type] },
        projectionType: ProjectionType.INCLUDE,
        nonKeyAttributes: [...project],
      })),
    });
  }
}
