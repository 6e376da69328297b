import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { makeBodyParts } from "../../../localstack/gateway/body-budget.ts";
import { openGateway } from "../../../localstack/gateway/gateway.ts";
import { answerOf } from "../../../localstack/gateway/http-answer.ts";
import { matchRoute } from "../../../localstack/gateway/match-route.ts";
import {
  BODY_BYTES_MAX,
  OPEN_BODIES_BYTES_MAX,
  UNPROVEN_REQUESTS_MAX,
  UNPROVEN_REQUESTS_WAITING_MAX,
  WEBHOOK_BODY_BYTES_MAX,
} from "../../../shared/domain/limits.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import { routes } from "../../../shared/protocol/routes.ts";
import { eventually } from "../../support/eventually.ts";

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

test("a client that breaks off its request's body is one short line of the log, and no error", async () => {
  const lines: string[] = [];
  const log = (...line: unknown[]) => void lines.push(JSON.stringify(line));
  const gateway = await openGateway({ host: "127.0.0.1", port: 0, clock: systemClock, log });
  try {
    const path = `/v1/runs?${"x".repeat(4_000)}`;
    const options = { port: gateway.port, method: "POST", path, headers: { "content-length": 1_000 } };
    const request = httpRequest(options).on("error", () => undefined);
    request.write("{", () => request.destroy());
    const line = await eventually("the gateway says so", () => lines[0]);
    expect(line).toContain('"INFO","a client broke off its request"');
    expect(line.length).toBeLessThan(200);
  } finally {
    await gateway.close(0);
  }
});

test("SECURITY 6: case A1: a request for a name that is not ours is refused, but a webhook; a preflight gets no leave", async () => {
  const invoke = async () => ({ statusCode: 200, body: "reached" });
  const options = { host: "127.0.0.1", port: 0, names: ["ci.example.com"], clock: systemClock, log: () => undefined };
  const gateway = await openGateway(options);
  gateway.serve({ invoke, meter: { requested: () => undefined }, isRunners: () => false });
  const ask = (method: string, path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; cors: boolean }>((resolve, reject) => {
      const request = httpRequest({ port: gateway.port, method, path, headers, agent: false }, (response) => {
        const cors = Object.keys(response.headers).some((name) => name.startsWith("access-control"));
        response.resume().once("end", () => resolve({ status: response.statusCode ?? 0, cors }));
      });
      request.once("error", reject).end();
    });
  try {
    for (const host of ["127.0.0.1", "localhost:4800", "[::1]:4800", "10.0.0.7", "a.localhost", "CI.example.com:443"])
      expect(await ask("GET", "/healthz", { host }), host).toEqual({ status: 200, cors: false });
    for (const host of [
      "rebound.example",
      "127.0.0.1.rebound.example:4800",
      "localhost.rebound.example",
      "ci.example.com.evil",
      "rebound.example#.localhost",
      "rebound.example, a.localhost",
      "rebound.example:.localhost",
      "localhost.",
      "2130706433",
    ])
      expect(await ask("GET", "/healthz", { host }), host).toEqual({ status: 403, cors: false });
    expect(await ask("POST", "/v1/webhooks/github/app", { host: "tunnel.example" })).toMatchObject({ status: 200 });
    const long = await fetch(`http://127.0.0.1:${gateway.port}/v1/${"x".repeat(12_000)}`);
    expect([long.status, (await long.text()).length < 1_000], "case A12").toEqual([404, true]);
    const preflight = { origin: "http://kittens.example", "access-control-request-method": "POST" };
    expect(await ask("OPTIONS", "/v1/runs", preflight)).toEqual({ status: 405, cors: false });
  } finally {
    await gateway.close(0);
  }
});

test("case A10: of many large bodies that nobody has signed few are held at once; runners' calls go through", async () => {
  const answers = Promise.withResolvers<{ statusCode: number }>();
  const bytes: number[] = [];
  const invoke = (_name: string, event: unknown) => {
    bytes.push((event as { body?: string }).body?.length ?? 0);
    return (event as { rawPath: string }).rawPath.includes("webhooks") ? answers.promise : { statusCode: 200 };
  };
  const options = { host: "127.0.0.1", port: 0, clock: systemClock, log: () => undefined };
  const gateway = await openGateway(options);
  const isRunners = (token: string) => token === "a-session";
  gateway.serve({
    invoke: async (name, event) => invoke(name, event),
    meter: { requested: () => undefined },
    isRunners,
  });
  const post = (path: string, size: number, token = "x") =>
    new Promise<{ status: number; retryAfter: string | undefined }>((resolve, reject) => {
      const headers = { "content-length": size, "content-type": "application/json", authorization: `Bearer ${token}` };
      const request = httpRequest({ port: gateway.port, method: "POST", path, headers, agent: false }, (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] });
      });
      request.once("error", reject).end(Buffer.alloc(size, "x"));
    });
  try {
    const webhook = "/v1/webhooks/github/app";
    const flood = Array.from({ length: 12 }, () => post(webhook, WEBHOOK_BODY_BYTES_MAX));
    let refused = 0;
    for (const one of flood)
      void one.then(({ status, retryAfter }) => {
        if (status === 503 && retryAfter === "1") refused += 1;
      });
    await eventually("most of them are refused", () => refused >= 11, 60_000);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(OPEN_BODIES_BYTES_MAX);
    // Each of these would be over what strangers may hold, if they were.
    const session = await Promise.all(
      Array.from({ length: 40 }, () => post("/v1/sessions", BODY_BYTES_MAX, "a-session")),
    );
    expect(new Set(session.map(({ status }) => status))).toEqual(new Set([200]));
    answers.resolve({ statusCode: 202 });
    await Promise.all(flood);
    expect((await post(webhook, WEBHOOK_BODY_BYTES_MAX)).status).toBe(202);
  } finally {
    answers.resolve({ statusCode: 202 });
    await gateway.close(0);
  }
});

test("case A10: of many small requests that nobody has signed few are worked at together; runners' calls wait for none of them", async () => {
  const gates: (() => void)[] = [];
  const invoke = (_name: string, event: unknown) =>
    (event as { rawPath: string }).rawPath.includes("webhooks")
      ? new Promise((resolve) => gates.push(() => resolve({ statusCode: 202 })))
      : { statusCode: 200 };
  const gateway = await openGateway({ host: "127.0.0.1", port: 0, clock: systemClock, log: () => undefined });
  gateway.serve({
    invoke: async (name, event) => invoke(name, event),
    meter: { requested: () => undefined },
    isRunners: (token) => token === "a-session",
  });
  const seen = new Map<string, number>();
  const sockets = Array.from({ length: 30 }, () => connect(gateway.port, "127.0.0.1"));
  const one = "POST /v1/webhooks/github/app HTTP/1.1\r\nHost: tunnel.example\r\nContent-Length: 2\r\n\r\n{}";
  const each = 50;
  const read = (text: string) => {
    for (const [, status = ""] of text.matchAll(/HTTP\/1\.1 (\d+)/g)) seen.set(status, (seen.get(status) ?? 0) + 1);
  };
  try {
    for (const socket of sockets) socket.setEncoding("latin1").on("data", read).write(one.repeat(each));
    await eventually("as many are at work as may be", () => gates.length >= UNPROVEN_REQUESTS_MAX);
    const ask = (path: string, token: string) =>
      fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask("/healthz", "x")).status).toBe(200);
    expect((await ask("/v1/runs", "a-session")).status).toBe(200);
    expect(gates).toHaveLength(UNPROVEN_REQUESTS_MAX);
    const all = sockets.length * each;
    await eventually("all are answered", () => {
      for (const open of gates.splice(0)) open();
      return (seen.get("202") ?? 0) + (seen.get("503") ?? 0) === all;
    });
    // So many have waited, and had their turn.
    expect(seen.get("202")).toBeGreaterThanOrEqual(UNPROVEN_REQUESTS_WAITING_MAX);
    expect(seen.get("503")).toBeGreaterThan(0);
  } finally {
    for (const socket of sockets) socket.destroy();
    await gateway.close(0);
  }
});

test("case A10: a body of single bytes takes little more memory than its bytes", () => {
  const parts = makeBodyParts();
  const before = process.memoryUsage().arrayBuffers;
  const piece = Buffer.from("x");
  const count = 8_000_000;
  const heapBefore = process.memoryUsage().heapUsed;
  for (let nth = 0; nth < count; nth += 1) parts.add(piece);
  const grown = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - heapBefore - before;
  // An array of so many would be 64 MB of pointers alone, and the pieces of a socket ten times that.
  expect(grown).toBeLessThan(40_000_000);
  expect(parts.joined()).toHaveLength(count);
});
