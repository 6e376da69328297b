import { DomainError } from "../shared/domain/errors.ts";
import { systemClock } from "../shared/lib/clock.ts";
import { once } from "../shared/lib/once.ts";
import { attachMeter, type RequestMeter } from "../shared/lib/request-meter.ts";
import type { PoolOffers } from "../shared/store/pool-offers.ts";
import { makeSqsPoolOffers } from "../shared/store/sqs-pool-offers.ts";
import type { Settings } from "../shared/usecases/deps.ts";
import { type AssumeRunnerRole, makeQueueCredentials, queueArnOf } from "../shared/usecases/queue-credentials.ts";
import { sqsClient } from "./aws-clients.ts";
import type { Environment } from "./environment.ts";
import { lendQueues } from "./lent-queues.ts";
import { readFirstSigningKey } from "./signing-keys.ts";

/** AssumeRole's shortest, and all that a session needs: it is renewed within this time. */
const ROLE_SECONDS = 900;
/** What opens a queue server of somebody else that checks no credentials, and nothing else (ADR 0020). */
const NO_SECRET = { accessKeyId: "embedded", secretAccessKey: "embedded" };

type Places = Pick<
  Environment,
  | "AWS_REGION"
  | "AWS_ENDPOINT_URL_SQS"
  | "BATON_API_POLLING"
  | "BATON_POOLS"
  | "BATON_POOL_QUEUE_URL_PREFIX"
  | "BATON_RUNNER_ROLE_ARN"
  | "BATON_RUNNER_SQS_ENDPOINT"
  | "BATON_SIGNING_KEY_FILE"
>;

/**
 * How runners reach the queues: the runners' role by STS where there is one; what the embedded stack lends, whose signing
 * key is a file; else no secret.
 */
export function runnerSqs(environment: Places, meter: RequestMeter): Settings["runnerSqs"] {
  const { AWS_REGION: region, BATON_RUNNER_SQS_ENDPOINT: endpoint, BATON_RUNNER_ROLE_ARN: roleArn } = environment;
  const place = { region, ...(endpoint === undefined ? {} : { endpoint }) };
  if (roleArn !== undefined) return { ...place, credentialsFor: lentCredentials(environment, roleArn, meter) };
  if (endpoint !== undefined && environment.BATON_SIGNING_KEY_FILE !== undefined)
    return { ...place, credentialsFor: lentByKey(environment) };
  if (endpoint !== undefined) return { ...place, credentialsFor: async () => ({ credentials: NO_SECRET }) };
  return { ...place, credentialsFor: refuse };
}

/** Never an account's own keys: better no runner than one that could do all that this function can. */
async function refuse(): Promise<never> {
  throw new DomainError(
    "forbidden",
    "this control plane has no credentials to hand out for its queues (BATON_RUNNER_ROLE_ARN); a runner may poll through the API where that is on (--poll api)",
  );
}

function lentByKey(environment: Places): Settings["runnerSqs"]["credentialsFor"] {
  // Read at the first session: the functions that open none do not need it.
  const lending = once(async () => lendQueues(await readFirstSigningKey(environment), systemClock));
  return async (access) => (await lending())(access);
}

function lentCredentials(environment: Places, roleArn: string, meter: RequestMeter) {
  const partition = roleArn.split(":")[1] ?? "aws";
  return makeQueueCredentials({
    assume: assumeRole(roleArn, meter),
    queueArn: (pool) => queueArnOf(environment.BATON_POOL_QUEUE_URL_PREFIX + pool, partition, environment.AWS_REGION),
    clock: systemClock,
  });
}

function assumeRole(roleArn: string, meter: RequestMeter): AssumeRunnerRole {
  // Loaded at the first session: no other call of this function needs it.
  const opening = once(async () => {
    const { AssumeRoleCommand, STSClient } = await import("@aws-sdk/client-sts");
    const client = new STSClient({});
    attachMeter(client, "STS", meter);
    return (policy: string, name: string) =>
      client.send(
        new AssumeRoleCommand({
          RoleArn: roleArn,
          RoleSessionName: name,
          DurationSeconds: ROLE_SECONDS,
          Policy: policy,
        }),
      );
  });
  return async (policy, sessionName) => {
    const { Credentials } = await (await opening())(policy, sessionName);
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
      throw new Error("STS answered no credentials");
    return {
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      expiresAtMs: Expiration?.getTime() ?? systemClock.nowMs() + ROLE_SECONDS * 1_000,
    };
  };
}

/**
 * The pools' queues for runners that poll through the API; undefined where that is off. On AWS this function may not
 * read them by itself: it takes the runners' role, as a session does.
 */
export function poolOffers(environment: Places, meter: RequestMeter): PoolOffers | undefined {
  if (environment.BATON_API_POLLING !== "on") return undefined;
  const { BATON_RUNNER_ROLE_ARN: roleArn } = environment;
  const credentials = roleArn === undefined ? {} : { credentials: ownCredentials(environment, roleArn, meter) };
  const client = sqsClient(environment, meter, credentials);
  return makeSqsPoolOffers(client, (pool) => environment.BATON_POOL_QUEUE_URL_PREFIX + pool);
}

/** For every pool: this function answers only sessions of the pool. The SDK asks again before they expire. */
function ownCredentials(environment: Places, roleArn: string, meter: RequestMeter) {
  const lent = lentCredentials(environment, roleArn, meter);
  const access = { pools: environment.BATON_POOLS, runnerId: "api-polling", ephemeral: false };
  return async () => {
    const { credentials, expiresAtMs } = await lent(access);
    return { ...credentials, ...(expiresAtMs === undefined ? {} : { expiration: new Date(expiresAtMs) }) };
  };
}
