import { systemClock } from "../shared/lib/clock.ts";
import { DEAD_LETTER_SUFFIX, QUEUES } from "../shared/resources.ts";
import { makeDynamoRunnerStore } from "../shared/store/dynamo-runner-store.ts";
import { makeDynamoStore } from "../shared/store/dynamo-store.ts";
import { makeDynamoSweepStore } from "../shared/store/dynamo-sweep-store.ts";
import { approximateMessages } from "../shared/store/sqs-queues.ts";
import { readStatus, type StatusDeps } from "../shared/usecases/read-status.ts";
import { documentClient, sqsClient } from "./aws-clients.ts";
import { strangerSigner, systemRandom } from "./deps.ts";
import { readStatusEnvironment, type StatusEnvironment } from "./environment.ts";
import { httpLambda } from "./http/http-lambda.ts";
import { makeObserver } from "./observe.ts";
import { processRegistry } from "./process-registry.ts";
import { prometheusMeter } from "./request-metrics.ts";
import { makeUsage } from "./usage/make-usage.ts";

/** `GET /v1/status`: a function of its own, so that the others neither load nor may do what only this one needs. */
const environment = readStatusEnvironment();
const deps = statusDeps(environment);

export const handler = httpLambda<"status">(deps, { status: ({ query }) => readStatus(deps, query) });

function statusDeps(environment: StatusEnvironment) {
  const { BATON_TENANT: tenant, BATON_TABLE: tableName } = environment;
  const observer = makeObserver(environment.BATON_LOG_LEVEL, processRegistry);
  const meter = prometheusMeter(processRegistry);
  const table = documentClient(environment, meter);
  const sqs = sqsClient(environment, meter);
  const poolQueueUrl = (pool: string) => environment.BATON_POOL_QUEUE_URL_PREFIX + pool;
  const workQueueUrl = (queue: string) => environment.BATON_TICKS_QUEUE_URL.replace(/ticks$/, queue);
  return {
    observer,
    log: observer.log,
    clock: systemClock,
    random: systemRandom,
    signer: strangerSigner(),
    store: makeDynamoStore(table, tableName),
    runners: makeDynamoRunnerStore(table, tableName),
    sweeps: makeDynamoSweepStore(table, tableName),
    settings: { tenant, pools: environment.BATON_POOLS },
    offersOf: (pool) => approximateMessages(sqs, poolQueueUrl(pool)),
    deadLetterQueues: Object.keys(QUEUES),
    deadLettersOf: (queue) => approximateMessages(sqs, workQueueUrl(queue) + DEAD_LETTER_SUFFIX),
    usage: makeUsage(environment, { clock: systemClock, meter, poolQueueUrl, workQueueUrl }),
  } satisfies StatusDeps & Parameters<typeof httpLambda>[0];
}
