import diagnostics from "node:diagnostics_channel";
import type { Readable } from "node:stream";
import type { AwsRequest } from "./aws-requests/refusal.ts";

/**
 * A way into the embedded SQS and S3 server (fauxqs, on Fastify) without a change of its code: Fastify announces each
 * new instance on a diagnostics channel, before the server adds its routes.
 */

/** What shims use of Fastify (https://fastify.dev/docs/latest/Reference/Hooks/). */
export interface Instance {
  listen(options: { port: number; host: string }): Promise<string>;
  addHook(name: "onRoute", hook: (route: RouteOptions) => void): void;
  addHook(name: "onRequest" | "preHandler", hook: (request: Request, reply: Reply, done: () => void) => void): void;
  addHook(name: "preParsing", hook: (request: Request, reply: Reply, body: Readable) => Promise<unknown>): void;
  addHook(name: "preClose", hook: (done: () => void) => void): void;
}

export interface RouteOptions {
  readonly method: string | readonly string[];
  readonly url: string;
  bodyLimit?: number;
  handler: (request: Request, reply: Reply) => unknown;
}

export interface Request {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly params: Readonly<Record<string, string | undefined>> | undefined;
  readonly query?: unknown;
  body: unknown;
  readonly routeOptions: { readonly url?: string };
  readonly raw?: { readonly socket: { readonly destroyed: boolean; readonly readableEnded: boolean } };
}

export interface Reply {
  status(code: number): Reply;
  header(name: string, value: unknown): Reply;
  send(body?: unknown): Reply;
}

export function awsRequest({ method, originalUrl, headers }: Request): AwsRequest {
  return { method, url: originalUrl, headers };
}

export type Shim = (server: Instance) => void;

/** Runs `start` with every Fastify instance that it makes shimmed, and bound to the loopback. */
export async function withShims<T>(shims: readonly Shim[], start: () => Promise<T>): Promise<T> {
  const onInstance = (message: unknown): void => {
    const { fastify } = message as { fastify: Instance };
    for (const shim of [bindLoopback, ...shims]) shim(fastify);
  };
  diagnostics.subscribe("fastify.initialization", onInstance);
  try {
    return await start();
  } finally {
    diagnostics.unsubscribe("fastify.initialization", onInstance);
  }
}

/** The server itself binds all addresses. */
const bindLoopback: Shim = (server) => {
  const listen = server.listen.bind(server);
  server.listen = (options) => listen({ ...options, host: "127.0.0.1" });
};
