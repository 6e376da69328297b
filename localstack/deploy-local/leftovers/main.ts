import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DeleteParameterCommand, DescribeParametersCommand, SSMClient } from "@aws-sdk/client-ssm";

/**
 * What `cdk destroy` leaves: deletes the parameters, which no stack made (the signing key, and secrets that were put since),
 * and prints whatever else of Baton is there, a name a line. A program of its own: the SDK reads endpoint and certificate
 * from the environment that it is started with.
 */

async function deleteParameters(ssm: SSMClient): Promise<void> {
  for (const Name of await parametersOf(ssm)) await ssm.send(new DeleteParameterCommand({ Name }));
}

/** The CDK's own bucket and version belong to the account, and do not count. */
async function findLeftovers(ssm: SSMClient): Promise<string[]> {
  const [tables, queues, buckets, functions, parameters] = await Promise.all([
    new DynamoDBClient({}).send(new ListTablesCommand()),
    new SQSClient({}).send(new ListQueuesCommand()),
    new S3Client({}).send(new ListBucketsCommand()),
    new LambdaClient({}).send(new ListFunctionsCommand()),
    parametersOf(ssm),
  ]);
  const names = [
    ...(tables.TableNames ?? []),
    ...(queues.QueueUrls ?? []),
    ...(buckets.Buckets ?? []).map(({ Name }) => Name ?? ""),
    ...(functions.Functions ?? []).map(({ FunctionName }) => FunctionName ?? ""),
    ...parameters,
  ];
  return names.filter((name) => /baton/i.test(name));
}

async function parametersOf(ssm: SSMClient): Promise<string[]> {
  const { Parameters = [] } = await ssm.send(new DescribeParametersCommand());
  return Parameters.flatMap(({ Name }) => (Name?.startsWith("/baton/") ? [Name] : []));
}

const ssm = new SSMClient({});
await deleteParameters(ssm);
const left = await findLeftovers(ssm);
process.stdout.write(left.map((name) => `${name}\n`).join(""));
