import { z } from "zod";
import type { FailureCode } from "../domain/errors.ts";
import { artifactName, fence, idempotencyKey, jobId, runId } from "./ids.ts";
import * as leases from "./leases.ts";
import * as products from "./products.ts";
import * as runs from "./runs.ts";
import * as tokens from "./tokens.ts";

/**
 * The one route table: it feeds CDK's routes, the local gateway, the typed client and OpenAPI. Requests are parsed
 * strictly, replies tolerantly.
 */

/** Who may call: an API token with that scope, a runner session, the lease token of the path's attempt, or anybody. */
export type Access = tokens.Scope | "session" | "lease" | "open";

export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** OpenAPI style: `/v1/runs/{run}`. */
  readonly path: string;
  /** The file in `functions/` that serves it. */
  readonly handler: "api" | "lease";
  readonly access: Access;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly headers?: z.ZodObject;
  readonly status: 200 | 201 | 202;
  readonly reply: z.ZodType;
  /** A reply that is not JSON. */
  readonly contentType?: string;
  /** Failures worth telling a caller apart; 400, 401, 403, 413, 500 and 503 are everywhere. */
  readonly failures: readonly FailureCode[];
}

const none = z.object({});
const run = z.object({ run: runId });
const job = z.object({ run: runId, job: jobId });
const lease = z.object({ run: runId, job: jobId, fence });
const ok = z.object({ ok: z.literal(true) });

const route = <const R extends Route>(value: R): R => value;

export const routes = {
  health: route({
    method: "GET",
    path: "/healthz",
    handler: "api",
    access: "open",
    summary: "The process answers",
    params: none,
    status: 200,
    reply: ok,
    failures: [],
  }),
  ready: route({
    method: "GET",
    path: "/readyz",
    handler: "api",
    access: "read",
    summary: "Table, queues and bucket answer",
    params: none,
    status: 200,
    reply: z.object({ ok: z.literal(true), reached: z.array(z.string()) }),
    failures: ["not_ready"],
  }),
  metrics: route({
    method: "GET",
    path: "/metrics",
    handler: "api",
    access: "read",
    summary: "Prometheus text of this process",
    params: none,
    status: 200,
    reply: z.string(),
    contentType: "text/plain",
    failures: [],
  }),

  createRun: route({
    method: "POST",
    path: "/v1/runs",
    handler: "api",
    access: "run",
    summary: "Creates a run; with an Idempotency-Key, once",
    params: none,
    body: runs.createRunBody,
    headers: z.object({ "idempotency-key": idempotencyKey.optional() }),
    status: 201,
    reply: runs.createRunReply,
    failures: ["invalid_definition", "idempotency_mismatch"],
  }),
  listRuns: route({
    method: "GET",
    path: "/v1/runs",
    handler: "api",
    access: "read",
    summary: "A project's runs, newest first",
    params: none,
    query: runs.listRunsQuery,
    status: 200,
    reply: runs.listRunsReply,
    failures: [],
  }),
  getRun: route({
    method: "GET",
    path: "/v1/runs/{run}",
    handler: "api",
    access: "read",
    summary: "One run and its checks",
    params: run,
    status: 200,
    reply: runs.runReply,
    failures: ["not_found"],
  }),
  listJobs: route({
    method: "GET",
    path: "/v1/runs/{run}/jobs",
    handler: "api",
    access: "read",
    summary: "A run with a page of its jobs, in plan order",
    params: run,
    query: runs.jobsQuery,
    status: 200,
    reply: runs.jobsReply,
    failures: ["not_found"],
  }),
  getJob: route({
    method: "GET",
    path: "/v1/runs/{run}/jobs/{job}",
    handler: "api",
    access: "read",
    summary: "One job with its attempts and history",
    params: job,
    status: 200,
    reply: runs.jobReply,
    failures: ["not_found"],
  }),
  getLog: route({
    method: "GET",
    path: "/v1/runs/{run}/jobs/{job}/log",
    handler: "api",
    access: "read",
    summary: "A page of a log's chunks, as links; follow with after",
    params: job,
    query: runs.logQuery,
    status: 200,
    reply: runs.logReply,
    failures: ["not_found"],
  }),
  listArtifacts: route({
    method: "GET",
    path: "/v1/runs/{run}/artifacts",
    handler: "api",
    access: "read",
    summary: "The artifacts of a run's results",
    params: run,
    status: 200,
    reply: runs.artifactsReply,
    failures: ["not_found"],
  }),
  getArtifact: route({
    method: "GET",
    path: "/v1/runs/{run}/artifacts/download",
    handler: "api",
    access: "read",
    summary: "A link to one artifact",
    params: run,
    query: runs.artifactQuery,
    status: 200,
    reply: runs.artifactLink,
    failures: ["not_found"],
  }),
  cancelRun: route({
    method: "POST",
    path: "/v1/runs/{run}/cancel",
    handler: "api",
    access: "run",
    summary: "Cancels a run, in two phases",
    params: run,
    body: runs.cancelBody,
    status: 202,
    reply: runs.runReply,
    failures: ["not_found"],
  }),
  rerunRun: route({
    method: "POST",
    path: "/v1/runs/{run}/rerun",
    handler: "api",
    access: "run",
    summary: "A new run of the same plan: all of it, or what did not succeed",
    params: run,
    body: runs.rerunBody,
    headers: z.object({ "idempotency-key": idempotencyKey.optional() }),
    status: 201,
    reply: runs.createRunReply,
    failures: ["not_found", "conflict", "idempotency_mismatch"],
  }),

  createToken: route({
    method: "POST",
    path: "/v1/tokens",
    handler: "api",
    access: "admin",
    summary: "Makes an API token; shown once",
    params: none,
    body: tokens.createTokenBody,
    status: 201,
    reply: tokens.createTokenReply,
    failures: [],
  }),
  listTokens: route({
    method: "GET",
    path: "/v1/tokens",
    handler: "api",
    access: "admin",
    summary: "The API tokens, without their secrets",
    params: none,
    status: 200,
    reply: tokens.listTokensReply,
    failures: [],
  }),
  revokeToken: route({
    method: "DELETE",
    path: "/v1/tokens/{token}",
    handler: "api",
    access: "admin",
    summary: "Revokes an API token",
    params: z.object({ token: artifactName }),
    status: 200,
    reply: ok,
    failures: ["not_found"],
  }),

  openSession: route({
    method: "POST",
    path: "/v1/sessions",
    handler: "lease",
    access: "runner",
    summary: "Opens or renews a runner's session",
    params: none,
    body: leases.openSessionBody,
    status: 201,
    reply: leases.sessionReply,
    failures: [],
  }),
  claim: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases",
    handler: "lease",
    access: "session",
    summary: "Claims an offered job",
    params: job,
    body: leases.claimBody,
    status: 201,
    reply: leases.leaseGranted,
    failures: ["taken", "gone"],
  }),
  ack: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/ack",
    handler: "lease",
    access: "lease",
    summary: "First renewal: steps may start",
    params: lease,
    status: 200,
    reply: leases.heartbeatAck,
    failures: ["stale_lease"],
  }),
  heartbeat: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/heartbeat",
    handler: "lease",
    access: "lease",
    summary: "Renews a lease",
    params: lease,
    body: leases.heartbeatBody,
    status: 200,
    reply: leases.heartbeatAck,
    failures: ["stale_lease"],
  }),
  uploads: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/uploads",
    handler: "lease",
    access: "lease",
    summary: "Links to upload what the attempt made",
    params: lease,
    body: leases.uploadsBody,
    status: 200,
    reply: leases.uploadsReply,
    failures: ["stale_lease"],
  }),
  inputs: route({
    method: "GET",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/inputs",
    handler: "lease",
    access: "lease",
    summary: "Links to the artifacts that the job asked for",
    params: lease,
    status: 200,
    reply: leases.inputsReply,
    failures: ["stale_lease"],
  }),
  complete: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/complete",
    handler: "lease",
    access: "lease",
    summary: "The holder's last word",
    params: lease,
    body: products.completeBody,
    status: 200,
    reply: leases.completeReply,
    failures: ["stale_lease"],
  }),
  release: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/release",
    handler: "lease",
    access: "lease",
    summary: "Gives a lease back; its processes are gone",
    params: lease,
    body: leases.releaseBody,
    status: 200,
    reply: leases.completeReply,
    failures: ["stale_lease"],
  }),
  cancelAck: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases/{fence}/cancel-ack",
    handler: "lease",
    access: "lease",
    summary: "A stopped attempt's processes are gone",
    params: lease,
    body: leases.cancelAckBody,
    status: 200,
    reply: leases.completeReply,
    failures: ["stale_lease"],
  }),
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

/** The one shape of every failure. */
export const errorEnvelope = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
  requestId: z.string(),
});
