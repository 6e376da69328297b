import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { startFauxqs } from "fauxqs";
import type { z } from "zod";
import { DomainError, FAILURES, staleLease } from "../../shared/domain/errors.ts";
import type { JobSpec } from "../../shared/domain/plan.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { isHostProof } from "../../shared/protocol/host-proof.ts";
import type { Release } from "../../shared/protocol/leases.ts";
import type { Completion } from "../../shared/protocol/products.ts";
import type { Route } from "../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../shared/protocol/routes.ts";
import type { Source } from "../../shared/protocol/runs.ts";

/**
 * A control plane in memory, on a real socket, for tests of the runner alone: the lease routes with their guards, a real
 * SQS server for offers, and a bucket. The real one has its own tests.
 */

export interface FakeJob {
  readonly runId: string;
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly source?: Source;
  /** Of a run that a fork's pull request started. */
  readonly fork?: boolean;
  readonly ttlMs: number;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  watched: boolean;
  state: "queued" | "leased" | "running" | "succeeded" | "failed" | "timed_out" | "canceled";
  fence: number;
  lease?: { claimId: string; expiresAtMs: number };
  stop?: { reason: "cancel"; byMs: number };
  completion?: Completion;
  /** What came with its releases. */
  readonly releases: Release[];
  /** The artifacts that it asks for, each time that it asks. */
  readonly inputs?: () => z.input<(typeof routes)["inputs"]["reply"]>["inputs"];
  /** What its project would give it. */
  projectSecrets: Readonly<Record<string, string>>;
  /** What its source is fetched with. */
  readonly sourceReply?: z.input<(typeof routes)["source"]["reply"]>;
  readonly ends: string[];
}

export interface Call {
  readonly name: RouteName;
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly token: string | undefined;
  readonly atMs: number;
}

/** What a test makes go wrong: `lose_answer` runs the handler first and loses its answer, `refuse` answers 503, `reject` 400. */
export type Fault = "lose_answer" | "refuse" | "reject";

export interface FakeControlPlane {
  readonly url: string;
  readonly calls: Call[];
  readonly objects: Map<string, Buffer>;
  addJob(job?: Partial<FakeJob> & { script?: string; steps?: Array<Partial<JobSpec["steps"][number]>> }): FakeJob;
  offer(job: FakeJob, copies?: number): void;
  sendRaw(body: string): void;
  offersLeft(): number;
  /** The next `times` calls of that name go wrong. */
  fault(name: RouteName, fault: Fault, times?: number): void;
  /** Whether the bucket takes objects. */
  bucket: { takes: boolean };
  logOf(job: FakeJob, fence?: number): string;
  stop(): Promise<void>;
}

const QUEUE = "baton-pool-default";
const DEFAULTS = { ttlMs: 45_000, heartbeatMs: 15_000, timeoutMs: 60_000 };
const OVERTIME_MS = 60_000;
export const FAKE_TOKEN = "baton_main_fake_token";

export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const sqs = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
  sqs.createQueue(QUEUE, { attributes: { VisibilityTimeout: "30" } });
  const jobs = new Map<string, FakeJob>();
  const calls: Call[] = [];
  const objects = new Map<string, Buffer>();
  const faults: Array<{ name: RouteName; fault: Fault }> = [];
  const bucket = { takes: true };
  const now = () => systemClock.monotonicMs();
  let url = "";
  let made = 0;

  const handle = makeHandlers({
    jobs,
    now,
    url: () => url,
    sqsUrl: `http://127.0.0.1:${sqs.port}`,
  });
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = new URL(request.url ?? "/", "http://fake").pathname;
    if (path.startsWith("/bucket/")) return serveObject(request, response, path.slice("/bucket/".length), body);
    const found = findRoute(request.method ?? "GET", path);
    if (found === undefined) return reply(response, 404, envelope("not_found", `no such route: ${path}`));
    const at = faults.findIndex(({ name }) => name === found.name);
    const fault = at >= 0 ? faults.splice(at, 1)[0]?.fault : undefined;
    if (fault === "refuse") return reply(response, 503, envelope("not_ready", "refused for a test"));
    if (fault === "reject") return reply(response, 400, envelope("bad_request", "rejected for a test"));
    const answer = answerTo(found, body, request.headers.authorization);
    if (fault === "lose_answer") return void response.destroy();
    reply(response, answer.status, answer.body);
  }

  function answerTo(found: FoundRoute, raw: Buffer, authorization: string | undefined) {
    try {
      const params = found.route.params.parse(found.params) as Readonly<Record<string, unknown>>;
      const json: unknown = raw.length === 0 ? undefined : JSON.parse(raw.toString("utf8"));
      const body: unknown = found.route.body === undefined ? undefined : found.route.body.parse(json);
      const token = authorization?.replace(/^Bearer /, "");
      calls.push({ name: found.name, params, body, token, atMs: now() });
      const value = handle(found.name, params, body, token);
      return { status: found.route.status, body: found.route.reply.parse(value) };
    } catch (error) {
      if (!(error instanceof DomainError)) return { status: 400, body: envelope("bad_request", String(error)) };
      return { status: FAILURES[error.code].status, body: envelope(error.code, error.message, error.details) };
    }
  }

  function serveObject(request: IncomingMessage, response: ServerResponse, key: string, body: Buffer): void {
    if (request.method === "GET") {
      if (key === "expired") return void response.writeHead(403).end();
      const object = objects.get(key);
      response.writeHead(object === undefined ? 404 : 200).end(object);
      return;
    }
    if (!bucket.takes) return void response.writeHead(403).end();
    if (objects.has(key)) return void response.writeHead(412).end();
    objects.set(key, body);
    response.writeHead(200).end();
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    calls,
    objects,
    bucket,
    addJob({ script = "true", steps, ...fields } = {}) {
      made += 1;
      const job: FakeJob = {
        runId: `run_${String(made).padStart(26, "0")}`,
        jobId: "build",
        spec: makeSpec(steps ?? [{ run: script }]),
        watched: false,
        state: "queued",
        fence: 0,
        projectSecrets: {},
        releases: [],
        ends: [],
        ...DEFAULTS,
        ...fields,
      };
      jobs.set(`${job.runId}/${job.jobId}`, job);
      return job;
    },
    offer(job, copies = 1) {
      const offer = { v: 1, tenant: "main", runId: job.runId, jobId: job.jobId, fence: job.fence };
      for (let copy = 0; copy < copies; copy += 1) sqs.sendMessage(QUEUE, JSON.stringify(offer));
    },
    sendRaw: (body) => void sqs.sendMessage(QUEUE, body),
    offersLeft() {
      const messages = sqs.inspectQueue(QUEUE)?.messages;
      return messages === undefined ? 0 : messages.ready.length + messages.delayed.length + messages.inflight.length;
    },
    fault(name, fault, times = 1) {
      for (let count = 0; count < times; count += 1) faults.push({ name, fault });
    },
    logOf(job, fence = job.fence) {
      const prefix = `logs/${job.runId}/${job.jobId}/${fence}/`;
      const chunks = [...objects].filter(([key]) => key.startsWith(prefix) && !key.endsWith("index")).sort();
      return Buffer.concat(chunks.map(([, object]) => gunzipSync(object))).toString("utf8");
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await sqs.stop();
    },
  };
}

function makeSpec(steps: Array<Partial<JobSpec["steps"][number]>>): JobSpec {
  return {
    name: "build",
    steps: steps.map((step, at) => ({ name: `step ${at + 1}`, run: "true", env: {}, ...step })),
    env: {},
    secrets: [],
    timeoutMs: 60_000,
    artifacts: { paths: [], from: [] },
  };
}

interface FoundRoute {
  readonly name: RouteName;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

function findRoute(method: string, path: string): FoundRoute | undefined {
  for (const [name, route] of Object.entries(routes) as Array<[RouteName, Route]>) {
    const pattern = new RegExp(`^${route.path.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
    const match = route.method === method ? pattern.exec(path) : null;
    if (match !== null) return { name, route, params: { ...match.groups } };
  }
  return undefined;
}

type Handler = (
  name: RouteName,
  params: Readonly<Record<string, unknown>>,
  body: unknown,
  token: string | undefined,
) => unknown;

function makeHandlers(deps: {
  jobs: ReadonlyMap<string, FakeJob>;
  now: () => number;
  url: () => string;
  sqsUrl: string;
}): Handler {
  const { jobs, now } = deps;
  const put = (key: string) => ({ method: "PUT" as const, url: `${deps.url()}/bucket/${key}`, headers: {} });

  return (name, params, body, token) => {
    if (name === "openSession") return openSession(token, deps.sqsUrl);
    if (name === "closeSession") return { ok: true };
    const job = jobs.get(`${params["run"]}/${params["job"]}`);
    if (job === undefined) throw new DomainError("not_found", "no such job");
    if (name === "claim") return claim(job, body as z.output<(typeof routes)["claim"]["body"]>, put, now());
    if (token !== leaseToken(job) || params["fence"] !== job.fence || job.lease === undefined)
      throw staleLease("unknown_lease", "not the holder");
    if (job.lease.expiresAtMs <= now()) throw staleLease("lease_expired", "the lease has run out");
    return held(job, name, body, put, now());
  };
}

function openSession(token: string | undefined, sqsUrl: string) {
  if (token !== FAKE_TOKEN && !isHostProof(token ?? "")) throw new DomainError("unauthorized", "no such token");
  return {
    runnerId: "rnr_00000000000000000000000001",
    sessionToken: "session",
    expiresInMs: 3_600_000,
    pools: [{ name: "default", queueUrl: `http://sqs.us-east-1.localhost/000000000000/${QUEUE}` }],
    sqs: {
      region: "us-east-1",
      endpoint: sqsUrl,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  };
}

type Put = (key: string) => { method: "PUT"; url: string; headers: Record<string, string> };

const leaseToken = (job: FakeJob) => `lease-${job.runId}-${job.fence}`;

function claim(job: FakeJob, { claimId, fence }: { claimId: string; fence: number }, put: Put, nowMs: number) {
  const mine = job.lease?.claimId === claimId;
  if (!mine) {
    if (job.state !== "queued" && job.state !== "leased" && job.state !== "running")
      throw new DomainError("gone", "the job has ended");
    if (job.state !== "queued" || job.fence !== fence) throw new DomainError("taken", "another holds it");
    job.fence += 1;
    job.state = "leased";
    job.lease = { claimId, expiresAtMs: nowMs + job.ttlMs };
  }
  return {
    fence: job.fence,
    leaseToken: leaseToken(job),
    ttlMs: job.ttlMs,
    heartbeatMs: job.heartbeatMs,
    hardDeadlineInMs: job.timeoutMs + OVERTIME_MS,
    timeoutMs: job.timeoutMs,
    runId: job.runId,
    jobId: job.jobId,
    project: "default",
    pipeline: "ci",
    attempt: job.fence,
    spec: job.spec,
    ...(job.source === undefined ? {} : { source: job.source }),
    ...(job.sourceReply === undefined ? {} : { sourceCredential: true }),
    secrets: job.fork === true ? [] : job.spec.secrets,
    ...(job.fork === true ? { secretsWithheld: "fork" } : {}),
    firstLogUpload: put(`logs/${job.runId}/${job.jobId}/${job.fence}/00000000.gz`),
    watched: job.watched,
  };
}

function held(job: FakeJob, name: RouteName, body: unknown, put: Put, nowMs: number): unknown {
  switch (name) {
    case "ack":
    case "heartbeat":
      return renew(job, nowMs);
    case "uploads":
      return {
        uploads: (body as z.output<(typeof routes)["uploads"]["body"]>).files.map((file) => put(keyOf(job, file))),
      };
    case "inputs":
      return { inputs: job.inputs?.() ?? [] };
    case "secrets":
      return { values: job.projectSecrets };
    case "source":
      return job.sourceReply ?? {};
    case "complete": {
      job.completion = body as Completion;
      return end(job, job.completion.outcome, `complete ${job.completion.outcome}`);
    }
    case "release":
      job.releases.push(body as Release);
      return end(job, "queued", `release ${(body as { reason: string }).reason}`);
    case "cancelAck":
      return end(job, "canceled", "cancel-ack");
    default:
      throw new DomainError("not_found", `the fake has no ${name}`);
  }
}

function renew(job: FakeJob, nowMs: number) {
  job.state = "running";
  job.lease = { claimId: job.lease?.claimId ?? "", expiresAtMs: nowMs + job.ttlMs };
  const stop =
    job.stop === undefined
      ? {}
      : { stop: { reason: job.stop.reason, inMs: Math.max(0, Math.round(job.stop.byMs - nowMs)) } };
  return { ttlMs: job.ttlMs, watched: job.watched, ...stop };
}

function end(job: FakeJob, state: FakeJob["state"], how: string) {
  job.state = state;
  delete job.lease;
  job.ends.push(how);
  return { state };
}

type UploadFile = z.output<(typeof routes)["uploads"]["body"]>["files"][number];

function keyOf(job: FakeJob, file: UploadFile): string {
  const at = `${job.runId}/${job.jobId}/${job.fence}`;
  if (file.kind === "artifact") return `artifacts/${at}/${file.name}`;
  return `logs/${at}/${file.kind === "log" ? `${String(file.seq).padStart(8, "0")}.gz` : "index"}`;
}

function envelope(code: string, message: string, details?: Readonly<Record<string, unknown>>) {
  return { code, message, requestId: "fake", ...(details === undefined ? {} : { details }) };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}
