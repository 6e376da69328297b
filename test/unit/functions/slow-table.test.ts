import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FunctionDeps } from "../../../functions/deps.ts";
import { apiRoutes } from "../../../functions/http/api-routes.ts";
import { httpLambda } from "../../../functions/http/http-lambda.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { createToken } from "../../../shared/usecases/manage-tokens.ts";
import { makeSweepWorld } from "../../support/sweep-world.ts";

/** A table that takes requests and does not answer: a frozen engine, or one that cannot be reached. */

const silent = () => new Promise<never>(() => undefined);
/** What a client waits for at most, in milliseconds. */
const PATIENCE_MS = 10_000;

let deps: FunctionDeps;
let token: string;
let warned: string[];
beforeEach(async () => {
  const world = makeSweepWorld();
  warned = [];
  const observer = {
    log: { ...world.deps.log, warn: (message: string) => void warned.push(message), error: () => undefined },
    metrics: world.deps.metrics,
    flush: () => undefined,
    prometheus: async () => "# nothing",
    registry: new Registry(),
  };
  const store = { ...world.deps.store, addToken: async () => undefined };
  ({ token } = await createToken({ ...world.deps, store }, { name: "reader", scopes: ["read"] }));
  deps = { ...world.deps, observer } as unknown as FunctionDeps;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function ask(name: RouteName, store: Partial<FunctionDeps["store"]>) {
  const slow = { ...deps, store: { ...deps.store, ...store } };
  const { method, path } = routes[name];
  const event = {
    routeKey: `${method} ${path}`,
    headers: { authorization: `Bearer ${token}` },
    requestContext: { requestId: "request-1" },
  } as unknown as APIGatewayProxyEventV2;
  const answer = httpLambda<"api">(slow, apiRoutes(slow))(event, {} as Context);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1_000);
  const { statusCode, headers, body } = await Promise.race([answer, Promise.resolve({ statusCode: 0 } as never)]);
  return { statusCode, retryAfter: headers?.["retry-after"], code: JSON.parse(String(body ?? "{}")).code };
}

describe("while the table does not answer", () => {
  test.each(["ready", "metrics", "listRuns"] as const)("%s is not ready, and says so in time", async (name) => {
    expect(await ask(name, { getToken: silent })).toEqual({ statusCode: 503, retryAfter: "1", code: "not_ready" });
    expect(warned).toEqual(["no answer in time"]);
  });
});
