import { randomBytes } from "node:crypto";
import { ulid } from "ulid";
import { systemClock } from "../shared/lib/clock.ts";
import { parseForgeHosts } from "../shared/lib/forge-hosts.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import { makeSigner, type Signer } from "../shared/lib/signed-token.ts";
import { makeDynamoAuditStore } from "../shared/store/dynamo-audit-store.ts";
import { makeDynamoProjectStore } from "../shared/store/dynamo-project-store.ts";
import { makeDynamoReportStore } from "../shared/store/dynamo-report-store.ts";
import { makeDynamoRunnerStore } from "../shared/store/dynamo-runner-store.ts";
import { makeDynamoStore } from "../shared/store/dynamo-store.ts";
import { makeDynamoTriggerStore } from "../shared/store/dynamo-trigger-store.ts";
import type { ReportStore } from "../shared/store/report-store.ts";
import { makeS3Bucket } from "../shared/store/s3-bucket.ts";
import { makeDeliverySender, makeSqsQueues } from "../shared/store/sqs-queues.ts";
import type { AuditDeps } from "../shared/usecases/audit.ts";
import type { HostCheck } from "../shared/usecases/check-host.ts";
import type { Deps } from "../shared/usecases/deps.ts";
import type { SessionDeps } from "../shared/usecases/open-session.ts";
import { PIPELINES_HERE } from "../shared/usecases/pipelines.ts";
import type { TriggerDeps } from "../shared/usecases/trigger-deps.ts";
import { documentClient, s3Client, sqsClient } from "./aws-clients.ts";
import type { Environment } from "./environment.ts";
import { makeForge } from "./forges/make-forge.ts";
import { hostCheck } from "./host-check.ts";
import { makeObserver, type Observer } from "./observe.ts";
import { openSecrets } from "./open-secrets.ts";
import { pipelinesInThread } from "./pipelines/pipelines-in-thread.ts";
import { processRegistry } from "./process-registry.ts";
import { readDefinitionWithGit } from "./read-definition.ts";
import { type CheckSource, makeCheckSource, makeReadDefinition } from "./read-run-definition.ts";
import { prometheusMeter } from "./request-metrics.ts";
import { poolOffers, runnerSqs } from "./runner-sqs.ts";
import { type SourcePolicy, sourceHostsOf } from "./source-policy.ts";

export interface FunctionDeps extends TriggerDeps, AuditDeps, SessionDeps {
  readonly reports: ReportStore;
  readonly observer: Observer;
  readonly environment: Environment;
  /** Throws where a run's definition may not be read from its source. */
  readonly checkSource: CheckSource;
  /** Counts AWS requests among the metrics of this process. */
  readonly meter: RequestMeter;
  /** Checks proofs of EC2 hosts; absent where no role's are taken. */
  readonly checkHost?: HostCheck;
}

const SECRET_BYTES = 32;

export const systemRandom: Deps["random"] = {
  ulid: (nowMs) => ulid(nowMs).toLowerCase(),
  secret: () => randomBytes(SECRET_BYTES).toString("base64url"),
};

/** A key with which nobody has signed: sessions and leases are only `lease.ts`'s, which reads the real one. */
export const strangerSigner = (): Signer => makeSigner([randomBytes(SECRET_BYTES)]);

function sourcePolicyOf(environment: Environment, forgeHosts: readonly string[]): SourcePolicy {
  const { BATON_SOURCE_HOSTS: hosts, BATON_SOURCE_FOLDERS: folders = [] } = environment;
  return { hosts: hosts === undefined ? sourceHostsOf(forgeHosts) : parseForgeHosts(hosts), folders };
}

/** Everything that the use cases need, on the AWS SDK. Made once per process. */
export function makeDeps(environment: Environment): FunctionDeps {
  const observer = makeObserver(environment.BATON_LOG_LEVEL, processRegistry);
  const meter = prometheusMeter(observer.registry);
  const offers = poolOffers(environment, meter);
  const poolQueueUrl = (pool: string) => environment.BATON_POOL_QUEUE_URL_PREFIX + pool;
  const table = documentClient(environment, meter);
  const sqs = sqsClient(environment, meter);
  const forgeHosts = parseForgeHosts(environment.BATON_FORGE_HOSTS);
  const sources = sourcePolicyOf(environment, forgeHosts);
  const secrets = openSecrets(environment, meter);
  const projects = makeDynamoProjectStore(table, environment.BATON_TABLE);
  const forge = makeForge({ hosts: forgeHosts, secrets, clock: systemClock, log: observer.log });
  return {
    observer,
    environment,
    meter,
    store: makeDynamoStore(table, environment.BATON_TABLE),
    projects,
    audit: makeDynamoAuditStore(table, environment.BATON_TABLE),
    runners: makeDynamoRunnerStore(table, environment.BATON_TABLE),
    reports: makeDynamoReportStore(table, environment.BATON_TABLE),
    triggers: makeDynamoTriggerStore(table, environment.BATON_TABLE),
    sendDelivery: makeDeliverySender(sqs, environment.BATON_PLANS_QUEUE_URL),
    secrets,
    forgeHosts,
    forge,
    queues: makeSqsQueues(sqs, {
      ticks: environment.BATON_TICKS_QUEUE_URL,
      plans: environment.BATON_PLANS_QUEUE_URL,
      reports: environment.BATON_REPORTS_QUEUE_URL,
      pool: poolQueueUrl,
    }),
    bucket: makeS3Bucket(s3Client(environment, meter), environment.BATON_BUCKET),
    clock: systemClock,
    random: systemRandom,
    signer: strangerSigner(),
    log: observer.log,
    metrics: observer.metrics,
    readDefinition: makeReadDefinition({ projects, forge }, (source, path) =>
      readDefinitionWithGit(sources, source, path),
    ),
    checkSource: makeCheckSource(projects, sources),
    ...(offers === undefined ? {} : { poolOffers: offers }),
    ...hostCheck(environment),
    pipelines: environment.BATON_READING_THREAD === "on" ? pipelinesInThread() : PIPELINES_HERE,
    settings: {
      tenant: environment.BATON_TENANT,
      pools: environment.BATON_POOLS,
      offerCopies: environment.BATON_OFFER_COPIES,
      poolQueueUrl,
      runnerSqs: runnerSqs(environment, meter),
    },
  };
}
