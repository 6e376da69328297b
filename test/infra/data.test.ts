import { afterAll, describe, expect, test } from "vitest";
import { BUCKET, FUNCTIONS, OFFER_QUEUE, QUEUES, TABLE } from "../../shared/resources.ts";
import { clean, resourcesOf, synthesise } from "./synthesised.ts";

const made = synthesise({ pools: "default,forks" });
afterAll(() => clean(made));
const all = (type: string) => Object.entries(resourcesOf(made, type));
const refOf = (id: string) => ({ Ref: id });

describe("the bucket", () => {
  const buckets = all("AWS::S3::Bucket");
  const [products] = buckets.filter(([, { Properties }]) => "VersioningConfiguration" in Properties);

  test("SECURITY 1: no bucket is open to the public", () => {
    for (const [, { Properties }] of buckets) {
      expect(Properties["PublicAccessBlockConfiguration"]).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
    }
  });

  test("SECURITY 2: every bucket and every queue refuses what does not come by TLS", () => {
    const denied = [...all("AWS::S3::BucketPolicy"), ...all("AWS::SQS::QueuePolicy")].map(([, { Properties }]) => ({
      of: JSON.stringify(Properties["Bucket"] ?? Properties["Queues"]),
      text: JSON.stringify(Properties["PolicyDocument"]),
    }));
    for (const [id] of [...buckets, ...all("AWS::SQS::Queue")]) {
      const policies = denied.filter(({ of }) => of.includes(JSON.stringify(refOf(id))));
      expect(policies.map(({ text }) => text).join(), id).toContain('"Bool":{"aws:SecureTransport":"false"}');
    }
  });

  test("SECURITY 3: it is encrypted, versioned and logged, and what is old goes", () => {
    for (const [, { Properties }] of buckets)
      expect(Properties["BucketEncryption"]).toEqual({
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      });
    expect(products?.[1].Properties).toMatchObject({
      VersioningConfiguration: { Status: "Enabled" },
      LoggingConfiguration: { LogFilePrefix: "products/" },
      LifecycleConfiguration: {
        Rules: expect.arrayContaining(
          BUCKET.lifecycle.map(({ prefix, expireDays }) =>
            expect.objectContaining({ Prefix: prefix, ExpirationInDays: expireDays, Status: "Enabled" }),
          ),
        ),
      },
    });
  });
});

describe("the queues", () => {
  const queues = Object.fromEntries(
    all("AWS::SQS::Queue").map(([, { Properties }]) => [String(Properties["QueueName"]), Properties]),
  );

  test("SECURITY 4: every queue is encrypted, and each that a function reads has dead letters", () => {
    for (const properties of Object.values(queues)) expect(properties["SqsManagedSseEnabled"]).toBe(true);
    for (const [name, { maxReceives }] of Object.entries(QUEUES)) {
      expect(queues[`baton-${name}`]?.["RedrivePolicy"]).toMatchObject({ maxReceiveCount: maxReceives });
      expect(queues[`baton-${name}-dead`]).toBeDefined();
    }
  });

  test("SECURITY 16: a message stays hidden for six times as long as its function may run", () => {
    for (const [name, { function: reader }] of Object.entries(QUEUES)) {
      const timeout = FUNCTIONS[reader].timeoutSeconds;
      expect(queues[`baton-${name}`]?.["VisibilityTimeout"], name).toBeGreaterThanOrEqual(6 * timeout);
    }
  });

  test("every pool has its offers, by the attributes that the embedded stack uses", () => {
    for (const pool of ["default", "forks"]) {
      expect(queues[`baton-pool-${pool}`]).toMatchObject({
        VisibilityTimeout: OFFER_QUEUE.visibilitySeconds,
        MessageRetentionPeriod: OFFER_QUEUE.retentionSeconds,
      });
    }
  });
});

describe("the table", () => {
  const [table] = all("AWS::DynamoDB::GlobalTable").map(([, { Properties }]) => Properties);

  test("SECURITY 5: it can be restored to any second, is encrypted, and cannot be deleted by mistake", () => {
    expect(table).toMatchObject({
      BillingMode: "PAY_PER_REQUEST",
      SSESpecification: { SSEEnabled: false }, // DynamoDB's own key, which cannot be switched off.
      Replicas: [
        {
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        },
      ],
    });
  });

  test("it has the keys, the TTL and the indexes that the embedded stack has", () => {
    expect(table).toMatchObject({
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      TimeToLiveSpecification: { AttributeName: TABLE.ttlAttribute, Enabled: true },
      GlobalSecondaryIndexes: TABLE.indexes.map(({ name, pk, sk, project }) => ({
        IndexName: name,
        KeySchema: [
          { AttributeName: pk.name, KeyType: "HASH" },
          { AttributeName: sk.name, KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: [...project] },
      })),
    });
  });
});

describe("settings", () => {
  test("what holds data outlives its stack, unless somebody says otherwise", () => {
    const lost = synthesise({ retain: "off" });
    const policies = (from: typeof made) =>
      ["AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"].flatMap((type) =>
        Object.values(resourcesOf(from, type)).map(({ DeletionPolicy }) => DeletionPolicy),
      );
    expect(policies(made)).toEqual(["Retain", "Retain", "Retain"]);
    expect(policies(lost)).toEqual(["Delete", "Delete", "Delete"]);
    clean(lost);
  });

  test.each([
    { pools: "Default" },
    { fleet: "yes" },
    { vpcId: "vpc-1a2b" },
    { fleetPools: "gpu" },
    { pools: "default,forks", fleetPools: "default,forks" },
    { awsEndpoint: "nowhere" },
  ])("%j is refused", (context) => {
    expect(() => synthesise(context)).toThrow(/settings/);
  });
});
