import { z } from "zod";
import { FAILURES, type FailureCode } from "../domain/errors.ts";
import { jobSpecSchema, stepSchema } from "../domain/plan.ts";
import { predicateSchema } from "../domain/predicate.ts";
import * as leases from "./leases.ts";
import * as products from "./products.ts";
import type { Access, Route } from "./route.ts";
import { errorEnvelope, routes } from "./routes.ts";
import * as runs from "./runs.ts";
import * as tokens from "./tokens.ts";

/** OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), made from the route table and the schemas: never written by hand. */

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** Shapes worth a name of their own in the document. */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  Artifact: products.artifactSchema,
  Attempt: runs.attemptView,
  Check: runs.checkView,
  Completion: products.completeBody,
  CreateRun: runs.createRunBody,
  Error: errorEnvelope,
  Failure: products.failureSchema,
  Heartbeat: leases.heartbeatBody,
  HeartbeatAck: leases.heartbeatAck,
  History: runs.historySchema,
  Job: runs.jobView,
  JobSpec: jobSpecSchema,
  LeaseGranted: leases.leaseGranted,
  LogChunk: products.logChunkSchema,
  LogGap: products.logGapSchema,
  LogPage: runs.logReply,
  LogSeal: products.logSealSchema,
  Predicate: predicateSchema,
  Run: runs.runView,
  RunSummary: runs.runSummary,
  Session: leases.sessionReply,
  SignedRequest: leases.signedRequestSchema,
  Source: runs.sourceSchema,
  Step: stepSchema,
  Token: tokens.tokenView,
};

/** Failures that any route may answer. */
const EVERYWHERE: readonly FailureCode[] = ["bad_request", "disk_full", "internal", "throttled"];

/** The whole document. The same code gives the same bytes: every key is sorted. */
export function openApiDocument(): JsonObject {
  const components = new Map<string, JsonObject>();
  const paths: Record<string, JsonObject> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const method = { [route.method.toLowerCase()]: operation(name, route, components) };
    paths[route.path] = { ...paths[route.path], ...method };
  }
  return sorted({
    openapi: "3.1.1",
    info: {
      title: "Baton",
      version: "1.0.0",
      description:
        "Serverless CI: runs, jobs, leases. Requests are strict, an unknown field is refused; replies may gain fields.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:4800", description: "baton up" }],
    paths,
    components: { schemas: Object.fromEntries(components), securitySchemes: SECURITY_SCHEMES },
  });
}

const SECURITY_SCHEMES: JsonObject = {
  apiToken: { type: "http", scheme: "bearer", description: "An API token with the scope that is named." },
  sessionToken: { type: "http", scheme: "bearer", description: "A runner session's token, from POST /v1/sessions." },
  leaseToken: { type: "http", scheme: "bearer", description: "The lease token of the path's attempt, from its grant." },
};

function security(access: Access): Json {
  if (access === "open") return [];
  if (access === "session") return [{ sessionToken: [] }];
  return access === "lease" ? [{ leaseToken: [] }] : [{ apiToken: [access] }];
}

type Components = Map<string, JsonObject>;

function operation(name: string, route: Route, components: Components): JsonObject {
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.handler],
    security: security(route.access),
    "x-baton-access": route.access,
    parameters: [
      ...parameters("path", route.params, components),
      ...parameters("query", route.query, components),
      ...parameters("header", route.headers, components),
    ],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(toSchema(route.body, "input", components)) } }),
    responses: { [route.status]: success(route, components), ...failures(route, components) },
  };
}

function parameters(place: "path" | "query" | "header", shape: z.ZodObject | undefined, components: Components) {
  return Object.entries(shape?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: place === "path" || !z.safeParse(schema, undefined).success,
    schema: toSchema(schema, "input", components),
  }));
}

function success(route: Route, components: Components): JsonObject {
  const schema = toSchema(route.reply, "output", components);
  const content = route.contentType === undefined ? json(schema) : { [route.contentType]: { schema } };
  return { description: route.summary, content };
}

function failures(route: Route, components: Components): JsonObject {
  const codes = new Set<FailureCode>([...EVERYWHERE, ...route.failures]);
  if (route.access !== "open") for (const code of ["unauthorized", "forbidden"] as const) codes.add(code);
  if (route.body !== undefined) codes.add("too_large");
  const byStatus = Object.groupBy([...codes].sort(), (code) => String(FAILURES[code].status));
  const content = json(toSchema(errorEnvelope, "output", components));
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group]) => [status, { description: (group ?? []).join(", "), content }]),
  );
}

const json = (schema: Json): JsonObject => ({ "application/json": { schema } });

const names = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(NAMED)) names.add(schema, { id });

/** The schema, its named parts moved to the components. Throws where one name would mean two shapes. */
function toSchema(schema: z.ZodType, io: "input" | "output", components: Components): JsonObject {
  const made = z.toJSONSchema(schema, { target: "draft-2020-12", io, metadata: names, override: openReplies });
  const { $schema: _, $defs = {}, id, ...rest } = relinked(made);
  for (const [name, definition] of Object.entries($defs as Record<string, JsonObject>)) {
    addComponent(components, name, definition);
  }
  if (typeof id !== "string") return rest;
  addComponent(components, id, rest);
  return { $ref: `#/components/schemas/${id}` };
}

function addComponent(components: Components, name: string, { id: _, ...definition }: JsonObject): void {
  const known = components.get(name);
  if (known !== undefined && JSON.stringify(sorted(known)) !== JSON.stringify(sorted(definition))) {
    throw new Error(`the schema ${name} differs between request and reply: give the two shapes two names`);
  }
  components.set(name, definition);
}

/** Only strict objects are closed: a reply may gain fields without breaking its readers. */
function openReplies({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  const { def } = zodSchema._zod;
  if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
}

function relinked(schema: unknown): JsonObject {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  return z.record(z.string(), z.json()).parse(JSON.parse(text));
}

function sorted<T extends Json>(value: T): T;
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((member: Json) => sorted(member));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
