import { CfnOutput, Fn, Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import {
  FUNCTIONS,
  type FunctionName,
  type FunctionResource,
  OFFER_QUEUE,
  PARAMETERS,
  parametersRoot,
  QUEUES,
  type QueueName,
  resourceName,
  SCHEDULES,
} from "../../shared/resources.ts";
import type { FunctionBundle } from "../bundle-functions.ts";
import { BatonFunction } from "../constructs/baton-function.ts";
import { hostRoleName } from "../constructs/host-role.ts";
import { HttpFront } from "../constructs/http-front.ts";
import { QueueSource } from "../constructs/queue-source.ts";
import { RunnerRole } from "../constructs/runner-role.ts";
import { Timer } from "../constructs/timer.ts";
import { pascalCase, variableCase } from "../names.ts";
import type { Settings } from "../settings.ts";
import type { BatonData } from "./baton-data.ts";

export interface BatonControlProps extends StackProps {
  readonly settings: Settings;
  readonly data: BatonData;
  readonly bundles: readonly FunctionBundle[];
}

/** Calls at once that a function has for itself, with `-c reserve=on`. */
const RESERVED = 50;

/** What acts: functions, HTTP API, schedules. Bills by the call. */
export class BatonControl extends Stack {
  readonly functions: ReadonlyMap<FunctionName, BatonFunction>;
  readonly front: HttpFront;

  constructor(scope: Construct, id: string, props: BatonControlProps) {
    super(scope, id, props);
    const { data, settings, bundles } = props;
    const { table, bucket, queues, pools } = data;
    const granted = { table, bucket, queues, pools, tenant: settings.tenant };
    this.front = new HttpFront(this, "Front");
    const environment = environmentOf(data, settings);
    const reserved = settings.reserve === "on" ? RESERVED : undefined;
    this.functions = new Map(
      bundles.map((bundle) => {
        const { name } = bundle;
        return [name, new BatonFunction(this, pascalCase(name), { name, bundle, granted, environment, reserved })];
      }),
    );
    this.#lendRunnerRole(data);
    this.#knowHosts(settings);
    for (const [name, queue] of data.queues) {
      new QueueSource(this, `${pascalCase(name)}Source`, name, queue, this.functionOf(QUEUES[name].function));
    }
    for (const schedule of SCHEDULES)
      new Timer(this, `${pascalCase(schedule.name)}Timer`, schedule, this.functionOf(schedule.function));
    this.front.connect((name) => this.functionOf(name));

    new CfnOutput(this, "ApiUrl", { value: this.front.api.apiEndpoint });
    new CfnOutput(this, "AdminFunctionName", { value: this.functionOf("admin").function.functionName });
  }

  functionOf(name: FunctionName): BatonFunction {
    const found = this.functions.get(name);
    if (found === undefined) throw new Error(`there is no function ${name}`);
    return found;
  }

  /** Whose instances open sessions by a proof, and the address that the proof is for. */
  #knowHosts(settings: Settings): void {
    const fleet = `arn:${this.partition}:iam::${this.account}:role/${hostRoleName(this)}|${settings.fleetPools.join(",")}`;
    const roles = [...(settings.fleet === "on" ? [fleet] : []), ...(settings.hostRoles?.split(" ") ?? [])];
    if (roles.length === 0) return;
    const lease = this.functionOf("lease").function;
    lease.addEnvironment("BATON_HOST_ROLES", roles.join(" "));
    lease.addEnvironment("BATON_HOST_AUDIENCE", Fn.select(2, Fn.split("/", this.front.api.apiEndpoint)));
    if (settings.awsEndpoint !== undefined) lease.addEnvironment("AWS_ENDPOINT_URL_STS", settings.awsEndpoint);
  }

  #lendRunnerRole(data: BatonData): void {
    for (const [name, lender] of this.functions) {
      const { uses }: FunctionResource = FUNCTIONS[name];
      if (uses.runnerRole !== true) continue;
      const { role } = new RunnerRole(this, `${pascalCase(name)}Runner`, {
        lender: lender.role,
        pools: data.pools.values(),
      });
      lender.function.addEnvironment("BATON_RUNNER_ROLE_ARN", role.roleArn);
    }
  }
}

/** What `functions/environment.ts` reads. Names of secrets, never secrets. */
function environmentOf(data: BatonData, settings: Settings): Record<string, string> {
  const queues = [...data.queues].map(([name, { queue }]: [QueueName, { queue: { queueUrl: string } }]) => [
    `BATON_${variableCase(name)}_QUEUE_URL`,
    queue.queueUrl,
  ]);
  return {
    BATON_TABLE: data.table.tableName,
    BATON_BUCKET: data.bucket.bucketName,
    ...Object.fromEntries(queues),
    BATON_POOL_QUEUE_URL_PREFIX: poolUrlPrefix(data),
    BATON_POOLS: settings.pools.join(","),
    BATON_SIGNING_KEY_PARAMETER: parametersRoot(settings.tenant) + PARAMETERS.signingKey,
    BATON_TENANT: settings.tenant,
    BATON_USAGE: "cloudwatch",
    ...given("BATON_PUBLIC_URL", settings.publicUrl),
    ...given("BATON_FORGE_HOSTS", settings.forgeHosts),
    ...given("BATON_API_POLLING", settings.apiPolling),
    ...given("BATON_LOG_LEVEL", settings.logLevel),
    ...given("BATON_RUNNER_SQS_ENDPOINT", settings.awsEndpoint),
    ...given("AWS_ENDPOINT_URL", settings.awsEndpoint),
    ...given("AWS_ENDPOINT_URL_DYNAMODB", settings.awsEndpoint),
    ...given("AWS_ENDPOINT_URL_SQS", settings.awsEndpoint),
    ...given("AWS_ENDPOINT_URL_S3", settings.awsEndpoint),
    ...given("AWS_ENDPOINT_URL_SSM", settings.awsEndpoint),
  };
}

const given = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });

/** A pool's URL up to its name, whatever host the queues are on: an emulator's is its own. */
function poolUrlPrefix({ pools }: BatonData): string {
  const [first] = pools;
  if (first === undefined) throw new Error("there is no pool");
  const [pool, { queue }] = first;
  const name = resourceName(OFFER_QUEUE.prefix);
  return Fn.join("", [Fn.select(0, Fn.split(`${name}${pool}`, queue.queueUrl)), name]);
}
