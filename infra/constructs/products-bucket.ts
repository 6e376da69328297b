import { Duration, RemovalPolicy } from "aws-cdk-lib";
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type IBucket,
  ObjectOwnership,
} from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { BUCKET } from "../../shared/resources.ts";
import { acknowledge } from "./acknowledge.ts";

const ACCESS_LOG_DAYS = 30;
/** What was overwritten or deleted can be had back for so long. Products are written once, so there is little of it. */
const OLD_VERSION_DAYS = 7;
const UNFINISHED_UPLOAD_DAYS = 1;

const PRIVATE = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
} as const satisfies BucketProps;

/** Logs, artifacts and large specs. Only links that the control plane signs lead to it. */
export class ProductsBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { retain }: { readonly retain: boolean }) {
    super(scope, id);
    const removalPolicy = retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const accessLogs = new Bucket(this, "AccessLogs", {
      ...PRIVATE,
      removalPolicy,
      lifecycleRules: [{ id: "expire", expiration: Duration.days(ACCESS_LOG_DAYS) }],
    });
    acknowledge(accessLogs, {
      "AwsSolutions-S1": "It holds the access log of the other bucket; a log of reading that log would have no end.",
    });
    this.bucket = new Bucket(this, "Bucket", {
      ...PRIVATE,
      removalPolicy,
      versioned: true,
      // The CDK's own types do not agree under exactOptionalPropertyTypes.
      serverAccessLogsBucket: accessLogs as IBucket,
      serverAccessLogsPrefix: `${BUCKET.name}/`,
      lifecycleRules: [
        {
          id: "clean",
          noncurrentVersionExpiration: Duration.days(OLD_VERSION_DAYS),
          abortIncompleteMultipartUploadAfter: Duration.days(UNFINISHED_UPLOAD_DAYS),
          expiredObjectDeleteMarker: true,
        },
        ...BUCKET.lifecycle.map(({ prefix, expireDays }) => ({
          id: prefix,
          prefix,
          expiration: Duration.days(expireDays),
        })),
      ],
    });
  }
}
