import middy from "@middy/core";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import type { z } from "zod";
import { DomainError } from "../../shared/domain/errors.ts";
import type { Route } from "../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../shared/protocol/routes.ts";
import type { FunctionDeps } from "../deps.ts";
import { correlated } from "../observe.ts";
import { answerInTime } from "./answer-in-time.ts";
import { type Authorize, type AuthorizeDeps, type Caller, makeAuthorize } from "./authorize.ts";
import { parseParams, parseRequest } from "./parse-request.ts";
import { failureReply, reply } from "./replies.ts";

type Routes = typeof routes;
type Parsed<R, K extends "params" | "query" | "body" | "headers"> = R extends {
  readonly [Key in K]: infer S extends z.ZodType;
}
  ? z.output<S>
  : undefined;

/** A parsed, authorised call. */
export interface Call<N extends RouteName> {
  readonly params: Parsed<Routes[N], "params">;
  readonly query: Parsed<Routes[N], "query">;
  readonly body: Parsed<Routes[N], "body">;
  readonly headers: Parsed<Routes[N], "headers">;
  readonly caller: Caller<Routes[N]["access"]>;
  /** As it came: for a route that must see the very bytes. */
  readonly event: APIGatewayProxyEventV2;
}

type NamesOf<H extends Route["handler"]> = { [N in RouteName]: Routes[N]["handler"] extends H ? N : never }[RouteName];

/** One implementation for each route of the Lambda: what it answers is the route's reply. */
export type Implementations<H extends Route["handler"]> = {
  readonly [N in NamesOf<H>]: (call: Call<N>) => Promise<z.input<Routes[N]["reply"]>>;
};

/** What serving HTTP needs, beside what the routes themselves need. */
export type HttpDeps = AuthorizeDeps & Pick<FunctionDeps, "observer">;

/** The Lambda of a set of routes: authorise → parse → call → reply. Takes API Gateway's HTTP events (payload 2.0). */
export function httpLambda<H extends Route["handler"]>(deps: HttpDeps, implementations: Implementations<H>) {
  const authorize = makeAuthorize(deps);
  const served = servedRoutes(implementations);
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Error, Context>()
    .use({ after: () => deps.observer.flush() })
    .handler((event) => serve(deps, authorize, served, event));
}

type LooseImplementation = (call: unknown) => Promise<unknown>;
type Served = ReadonlyMap<string, { readonly route: Route; readonly implementation: LooseImplementation }>;

function servedRoutes(implementations: object): Served {
  const entries = Object.entries(implementations) as [RouteName, LooseImplementation][];
  return new Map(
    entries.map(([name, implementation]) => {
      const route: Route = routes[name];
      return [`${route.method} ${route.path}`, { route, implementation }];
    }),
  );
}

async function serve(
  deps: HttpDeps,
  authorize: Authorize,
  served: Served,
  event: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  const requestId = event.requestContext.requestId;
  const { run, job, fence } = event.pathParameters ?? {};
  return correlated({ requestId, run, job, fence, route: event.routeKey }, async () => {
    try {
      const found = served.get(event.routeKey);
      if (found === undefined) throw new DomainError("not_found", `there is no route ${event.routeKey}`);
      const params = parseParams(found.route, event);
      const value = await answerInTime(deps.observer.log, async () => {
        const caller = await authorize(found.route, event, params);
        // Nobody's body is read before it is known who sends it.
        const request = parseRequest(found.route, event);
        return found.implementation({ ...request, params, caller, event });
      });
      return reply(found.route, requestId, value);
    } catch (error) {
      return failureReply(deps.observer.log, requestId, error);
    }
  });
}
