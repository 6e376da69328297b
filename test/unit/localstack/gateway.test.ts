import { expect, test } from "vitest";
import { answerOf } from "../../../localstack/gateway/http-answer.ts";
import { matchRoute } from "../../../localstack/gateway/match-route.ts";
import { routes } from "../../../shared/protocol/routes.ts";

test("every route of the table is found by its own path and method", () => {
  for (const route of Object.values(routes)) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, "value-$1");
    const params = Object.fromEntries(
      [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, `value-${name}`]),
    );
    expect(matchRoute(route.method, path), path).toEqual({ kind: "found", route, params });
  }
});

test("a path that is longer, shorter, empty in a part or wrongly encoded is unknown", () => {
  for (const path of ["/v1/runs/", "/v1", "/v1/runs//jobs", "/v1/runs/a/b", "/v1/runs/%zz", "//healthz"])
    expect(matchRoute("GET", path), path).toEqual({ kind: "unknown_path" });
});

test("a wrong method is told what is allowed", () => {
  expect(matchRoute("DELETE", "/v1/runs")).toEqual({ kind: "wrong_method", allowed: ["POST", "GET"] });
});

test("an answer without a status is none", () => {
  for (const result of [undefined, null, "text", {}, { statusCode: "200" }]) expect(answerOf(result)).toBeUndefined();
});

test("an answer's header names are in lower case, its cookies one header each, its binary body bytes", () => {
  const result = { statusCode: 201, headers: { "X-A": 1, gone: undefined }, cookies: ["a=1", "b=2"] };
  expect(answerOf({ ...result, body: "AP8=", isBase64Encoded: true })).toEqual({
    status: 201,
    headers: { "x-a": "1", "set-cookie": ["a=1", "b=2"] },
    body: Buffer.from([0, 255]),
  });
});
