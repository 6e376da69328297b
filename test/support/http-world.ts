import { randomBytes } from "node:crypto";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { Registry } from "prom-client";
import { z } from "zod";
import type { FunctionDeps } from "../../functions/deps.ts";
import { apiRoutes } from "../../functions/http/api-routes.ts";
import { httpLambda } from "../../functions/http/http-lambda.ts";
import { leaseRoutes } from "../../functions/http/lease-routes.ts";
import { webhookRoutes } from "../../functions/http/webhook-routes.ts";
import type { Route } from "../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../shared/protocol/routes.ts";
import { SCOPES, type Scope } from "../../shared/protocol/tokens.ts";
import { createToken } from "../../shared/usecases/manage-tokens.ts";
import { startWorld, type World } from "./world.ts";

/** The handlers as API Gateway calls them, on the real engine. */
export interface HttpWorld {
  readonly world: World;
  readonly deps: FunctionDeps;
  /** A token of each scope alone. */
  readonly tokens: Readonly<Record<Scope, string>>;
  /** What was logged as an error. */
  readonly logged: readonly unknown[];
  readonly call: Call;
}

export type Call = (name: RouteName, request?: Request) => Promise<Answer>;

export interface Request {
  readonly token?: string | undefined;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: z.infer<typeof replyBody>;
}

export const RUN = "run_00000000000000000000000000";
/** Every parameter that a path may have: each fits, and nothing is there. */
export const PARAMS = {
  run: RUN,
  job: "one",
  fence: "1",
  token: "abc",
  pool: "default",
  project: "default",
  name: "NAME",
  delivery: "d-1",
};

/** `more`: parts of the functions that the world has none of. */
export async function startHttpWorld(more: (world: World) => Partial<FunctionDeps> = () => ({})): Promise<HttpWorld> {
  const world = await startWorld(["default", "gpu", "forks"]);
  const logged: unknown[] = [];
  const deps = { ...functionDeps(world, logged), ...more(world) };
  const handlers = {
    api: httpLambda<"api">(deps, apiRoutes(deps)),
    lease: httpLambda<"lease">(deps, leaseRoutes(deps)),
    webhook: httpLambda<"webhook">(deps, webhookRoutes(deps)),
    status: httpLambda<"status">(deps, {
      status: async () => {
        throw new Error("nobody who may asks it here");
      },
    }),
  };
  const call: Call = async (name, request = {}) => {
    const route = routes[name];
    return parsed(await handlers[route.handler](eventOf(route, request), {} as Context));
  };
  const made = await Promise.all(SCOPES.map((scope) => createToken(deps, { name: scope, scopes: [scope] })));
  const tokens = Object.fromEntries(SCOPES.map((scope, at) => [scope, made[at]?.token])) as Record<Scope, string>;
  return { world, deps, tokens, logged, call };
}

/** One call of the API over other parts than those of the world. */
export async function callApi(deps: FunctionDeps, name: RouteName, request: Request): Promise<Answer> {
  const api = httpLambda<"api">(deps, apiRoutes(deps));
  return parsed(await api(eventOf(routes[name], request), {} as Context));
}

function functionDeps({ deps: inner }: World, logged: unknown[]): FunctionDeps {
  const observer = {
    log: { ...inner.log, error: (message: string, error: unknown) => void logged.push(message, error) },
    metrics: inner.metrics,
    flush: () => undefined,
    prometheus: async () => "# nothing",
    registry: new Registry(),
  };
  const random = { ...inner.random, secret: () => randomBytes(32).toString("base64url") };
  return {
    ...inner,
    random,
    observer,
    meter: () => undefined,
    checkSource: async () => undefined,
    environment: {} as FunctionDeps["environment"],
  };
}

function eventOf(
  route: Route,
  { token, params = {}, query = {}, body, headers = {} }: Request,
): APIGatewayProxyEventV2 {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    version: "2.0",
    routeKey: `${route.method} ${route.path}`,
    rawPath: route.path,
    rawQueryString: "",
    headers: { ...authorization, ...headers },
    pathParameters: { ...params },
    queryStringParameters: { ...query },
    isBase64Encoded: false,
    ...(text === undefined ? {} : { body: text }),
    requestContext: { requestId: "request-1" },
  } as unknown as APIGatewayProxyEventV2;
}

const replyBody = z.looseObject({ code: z.string().optional(), message: z.string().optional() });

function parsed({ statusCode, body = "" }: APIGatewayProxyStructuredResultV2): Answer {
  return { status: statusCode ?? 0, body: replyBody.parse(body.startsWith("{") ? JSON.parse(body) : { text: body }) };
}
