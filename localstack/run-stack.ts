import { existsSync } from "node:fs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { FauxqsServer } from "fauxqs";
import { lentReader } from "../functions/lent-queues.ts";
import { reachTableBy, tableTransport } from "../functions/table-transport.ts";
import type { Clock } from "../shared/lib/clock.ts";
import type { FileLock } from "../shared/lib/file-lock.ts";
import { removeFile } from "../shared/lib/remove-tree.ts";
import { attachMeter } from "../shared/lib/request-meter.ts";
import { makeSigner } from "../shared/lib/signed-token.ts";
import { QUEUES, type QueueName, SCHEDULES } from "../shared/resources.ts";
import { isRunnersToken } from "../shared/usecases/lease-token.ts";
import { embeddedCredentials, startAwsServer } from "./aws-server.ts";
import { bootstrapTokens, type MintToken, type TokenLives } from "./bootstrap-tokens.ts";
import { createResources } from "./create-resources.ts";
import { type DynamoEngine, damagedTable } from "./dynamo-engine.ts";
import { enterEnvironment, handlerEnvironment } from "./environment.ts";
import { type EventSource, startEventSource } from "./events/event-source.ts";
import { type Schedule, startSchedule } from "./events/schedule.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { type Handlers, makeInvoke } from "./invoke.ts";
import { AWS_REGION, queueArn, queueName, queueUrl } from "./names.ts";
import type { Log } from "./stack-log.ts";
import { NO_METER, type StackMeter } from "./stack-meter.ts";
import type { StackOptions } from "./stack-options.ts";
import type { StackReady } from "./stack-report.ts";
import {
  checkSecrets,
  ensureSigningKey,
  readSigningKeys,
  readTextFile,
  type StateFolder,
  writePrivateFile,
} from "./state-folder.ts";

/** What the stack runs: the real functions, or a test's own. Loaded once the environment is set. */
export interface StackParts {
  readonly handlers: Handlers;
  readonly mintToken: MintToken;
  readonly tokenLives: TokenLives;
  readonly meter?: StackMeter;
}

/** What is up before the rest is loaded: `start-stack.ts` began it while the modules were read. */
export interface StackGround {
  readonly options: StackOptions;
  readonly folder: StateFolder;
  readonly lock: FileLock;
  readonly gateway: Gateway;
  readonly engine: Promise<DynamoEngine>;
  readonly loadParts: () => Promise<StackParts>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RunningStack {
  readonly ready: StackReady;
  /** Settles when the DynamoDB engine ended by itself: nothing works from then on. */
  readonly engineLost: Promise<void>;
  /** Finishes what is in flight, for a bounded time, and closes everything. */
  stop(): Promise<void>;
}

const DRAIN_MS = 1_000;

/** Brings up the servers, then the functions, then what calls the functions. */
export async function runStack(ground: StackGround): Promise<RunningStack> {
  const { folder, options, clock, gateway } = ground;
  const fresh = options.memory || !existsSync(folder.tableFile);
  const signingKey = ensureSigningKey(folder);
  checkSecrets(folder);
  const credentials = embeddedCredentials(signingKey);
  const aws = await startAwsServer({
    dataDir: options.memory ? undefined : folder.awsDir,
    objectsDir: folder.objectsDir,
    portWanted: wantedPort(folder),
    credentials,
    readLent: lentReader(Buffer.from(signingKey, "base64url")),
    clock,
  });
  writePrivateFile(folder, folder.awsPortFile, `${aws.port}\n`);
  const engine = await ground.engine;
  const awsUrl = `http://127.0.0.1:${aws.port}`;
  const { endpoint: dynamodbUrl, agent, exposed } = engine.reach;
  enterEnvironment(handlerEnvironment({ dynamodbUrl, awsUrl }, credentials, folder, options.pools, options.sources));
  if (agent !== undefined) reachTableBy(agent);

  const client = { region: AWS_REGION, credentials };
  const sqs = new SQSClient({ ...client, endpoint: awsUrl });
  const s3 = options.memory ? undefined : new S3Client({ ...client, endpoint: awsUrl, forcePathStyle: true });
  const dynamodb = new DynamoDBClient({ ...client, endpoint: dynamodbUrl, ...tableTransport() });
  const [parts] = await Promise.all([
    ground.loadParts(),
    createResources({ dynamodb, aws, sqs, s3, awsUrl }, options.pools).catch((error: unknown) => {
      throw damagedTable(error, folder.tableFile) ?? error;
    }),
  ]);
  const [runnerTokenFile] = await Promise.all([
    bootstrapTokens(folder, parts.mintToken, parts.tokenLives, { fresh, pools: options.pools }),
    returnOrphans(aws, sqs, awsUrl),
  ]);
  dynamodb.destroy();
  s3?.destroy();

  const meter = parts.meter ?? NO_METER;
  attachMeter(sqs, "SQS", meter.aws);
  const invoke = makeInvoke(parts.handlers, clock, meter);
  const signer = makeSigner(readSigningKeys(folder));
  gateway.serve({ invoke, meter, isRunners: (token) => isRunnersToken(signer, token, clock.nowMs()) });
  const sources = startSources(ground, sqs, awsUrl, invoke);
  const schedules = startSchedules(ground, invoke);
  const ready: StackReady = {
    kind: "ready",
    url: `http://${urlHost(options.host)}:${gateway.port}`,
    pid: process.pid,
    tokenFile: folder.tokenFile,
    runnerTokenFile,
    ports: { gateway: gateway.port, aws: aws.port },
    enginePid: engine.pid,
    tableUrl: dynamodbUrl,
    ...(exposed === undefined ? {} : { exposed }),
  };
  writePrivateFile(folder, folder.stackFile, `${JSON.stringify({ url: ready.url, pid: ready.pid })}\n`);
  return { ready, engineLost: engine.exited, stop: () => stop(ground, { aws, engine, sources, schedules, sqs }) };
}

/** An address to call; a wildcard is one to listen on only. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function wantedPort(folder: StateFolder): number | undefined {
  const port = Number(readTextFile(folder.awsPortFile));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

/**
 * Messages that the event sources of a killed predecessor had received: their reader is gone for certain, so they need
 * not stay invisible for minutes. 1 second, for 0 would lose them.
 */
async function returnOrphans(aws: FauxqsServer, sqs: SQSClient, awsUrl: string): Promise<void> {
  const names = (Object.keys(QUEUES) as QueueName[]).map(queueName);
  const orphans = names.flatMap((name) =>
    (aws.inspectQueue(name)?.messages.inflight ?? []).map(({ receiptHandle }) => ({ name, receiptHandle })),
  );
  for (const { name, receiptHandle } of orphans)
    await sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl(awsUrl, name),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: 1,
      }),
    );
}

function startSources({ log }: StackGround, sqs: SQSClient, awsUrl: string, invoke: ReturnType<typeof makeInvoke>) {
  return (Object.keys(QUEUES) as QueueName[]).map((queue) => {
    const name = queueName(queue);
    return startEventSource({
      sqs,
      queueUrl: queueUrl(awsUrl, name),
      queueArn: queueArn(name),
      function: QUEUES[queue].function,
      batch: QUEUES[queue].batch,
      invoke,
      log,
    });
  });
}

/** A state from before is swept at once; in memory there is nothing yet that could be due. */
function startSchedules({ options, clock, log }: StackGround, invoke: ReturnType<typeof makeInvoke>): Schedule[] {
  return SCHEDULES.map((schedule) =>
    startSchedule({
      ...schedule,
      firstAfterMs: options.memory ? schedule.everySeconds * 1_000 : 0,
      invoke,
      clock,
      log,
    }),
  );
}

interface Running {
  readonly aws: FauxqsServer;
  readonly engine: DynamoEngine;
  readonly sources: readonly EventSource[];
  readonly schedules: readonly Schedule[];
  readonly sqs: SQSClient;
}

/** From the outside in, so that nothing is called that is closed already. */
async function stop(ground: StackGround, { aws, engine, sources, schedules, sqs }: Running): Promise<void> {
  for (const schedule of schedules) schedule.stop();
  await Promise.all([ground.gateway.close(DRAIN_MS), ...sources.map((source) => source.stop(DRAIN_MS))]);
  // Ends the polls that wait: they hold no message, since they wait.
  await aws.stop();
  sqs.destroy();
  await engine.stop();
  await removeFile(ground.folder.stackFile);
  ground.lock.release();
}
