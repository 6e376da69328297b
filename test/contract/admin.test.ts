import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { reachTableBy } from "../../functions/table-transport.ts";
import { TABLE_NAME } from "../../localstack/names.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { adminReply } from "../../shared/protocol/admin.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { baton, makePlace, type Place } from "../e2e/cli-process.ts";
import { type SsmServer, startSsmServer } from "../support/ssm-server.ts";
import { othersTableClient } from "../support/table-client.ts";

/** `baton bootstrap` against the real function `admin`, over Lambda's own protocol, with a table and parameters behind it. */

const PARAMETER = "/baton/main/signing-key";
const AWS = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
let stack: SpawnedStack;
let ssm: SsmServer;
let lambda: Server;
let endpoint: string;
let place: Place;
const stateDir = mkdtempSync(join(tmpdir(), "baton-admin-"));

beforeAll(async () => {
  [stack, ssm] = await Promise.all([spawnStack({ stateDir, memory: true }), startSsmServer()]);
  const table = othersTableClient(stack);
  if (table.requestHandler !== undefined) reachTableBy(table.requestHandler.httpAgent);
  const environment = {
    ...AWS,
    AWS_ENDPOINT_URL_DYNAMODB: table.endpoint,
    AWS_ENDPOINT_URL_SSM: ssm.url,
    BATON_TABLE: TABLE_NAME,
    BATON_SIGNING_KEY_PARAMETER: PARAMETER,
    BATON_LOG_LEVEL: "ERROR",
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  // It must start without a signing key: it is there to make it.
  const { handler } = await import("../../functions/admin.ts");
  lambda = createServer((request, response) => void serve(handler, request, response));
  await new Promise<void>((listening) => lambda.listen(0, "127.0.0.1", listening));
  endpoint = `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`;
  place = makePlace();
});
afterAll(async () => {
  lambda.close();
  place.remove();
  await Promise.all([stack.stop(), ssm.stop()]);
  vi.unstubAllEnvs();
  rmSync(stateDir, { recursive: true, force: true });
});

type Request = AsyncIterable<Buffer> & { readonly url?: string | undefined };
type Response = {
  writeHead(status: number, headers: Readonly<Record<string, string>>): { end(body: string): unknown };
};

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
async function serve(handler: (event: unknown) => Promise<object>, request: Request, response: Response) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.url === "/2015-03-31/functions/baton-ill/invocations") {
    const failed = { "x-amz-function-error": "Unhandled" };
    response.writeHead(200, failed).end(JSON.stringify({ errorType: "Error", errorMessage: "no table" }));
    return;
  }
  if (request.url !== "/2015-03-31/functions/baton-admin/invocations") {
    const body = JSON.stringify({ Type: "User", Message: "Function not found" });
    response.writeHead(404, { "x-amzn-errortype": "ResourceNotFoundException" }).end(body);
    return;
  }
  const event: unknown = JSON.parse(Buffer.concat(chunks).toString());
  const [headers, body] = await handler(event).then(
    (reply): [Record<string, string>, object] => [{}, reply],
    (error: Error): [Record<string, string>, object] => [
      { "x-amz-function-error": "Unhandled" },
      { errorType: error.name, errorMessage: error.message },
    ],
  );
  response.writeHead(200, headers).end(JSON.stringify(body));
}

const bootstrap = (...args: string[]) =>
  baton(place, ["bootstrap", "--endpoint", endpoint, ...args], { env: AWS }).ended;

test("makes the signing key and a token that works; --json prints it", async () => {
  const { code, stdout, stderr } = await bootstrap("--function", "baton-admin", "--json", "--name", "first");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^signing key made; token \w+ \(read, /) });
  const reply = adminReply.parse(JSON.parse(stdout));
  const key = ssm.parameters.get(PARAMETER);
  expect(key).toMatchObject({ type: "SecureString" });
  expect(Buffer.from(key?.value ?? "", "base64url")).toHaveLength(32);
  const { tokens } = await makeClient({ url: stack.url, token: reply.token }).call("listTokens", {});
  expect(tokens.find(({ id }) => id === reply.view.id)).toMatchObject({ name: "first" });
});

test("never replaces a key; keeps URL and token as `baton login` does, and prints neither", async () => {
  const before = ssm.parameters.get(PARAMETER)?.value;
  const args = ["--function", "baton-admin", "--url", stack.url, "--scope", "read"];
  const { code, stdout, stderr } = await bootstrap(...args);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain("signing key kept");
  expect(ssm.parameters.get(PARAMETER)?.value).toBe(before);
  const config = join(place.temp, "config/baton/config.yml");
  const token = /token: "(baton_\S+)"/.exec(readFileSync(config, "utf8"))?.[1] ?? "none";
  expect([statSync(config).mode & 0o777, stderr.includes(token)]).toEqual([0o600, false]);
  expect((await baton(place, ["runs", "list"]).ended).code).toBe(0);
  expect((await baton(place, ["tokens", "list"]).ended).stderr).toContain("needs the scope admin");
});

test("--pool binds a runner's token, as `baton tokens create` does", async () => {
  const args = ["--function", "baton-admin", "--json", "--scope", "runner", "--pool", "gpu", "forks"];
  const { code, stdout, stderr } = await bootstrap(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("(runner; pools gpu, forks)") });
  const { token, view } = adminReply.parse(JSON.parse(stdout));
  expect(view.pools).toEqual(["gpu", "forks"]);
  const session = makeClient({ url: stack.url, token }).call("openSession", {
    body: { name: "host", pools: ["default"], slots: 1 },
  });
  await expect(session).rejects.toThrow("is for the pools gpu, forks, and not for default");
});

test.each([
  [["--function", "baton-admin"], "say with --url which control plane the token is for"],
  [["--function", "baton-admin", "--url", "ci.example.com"], "is not an http or https URL"],
  [["--function", "nobody", "--json"], "ResourceNotFoundException"],
  [["--function", "baton-ill", "--json"], "the function baton-ill failed: no table; its log says more"],
  [["--function", "baton-admin", "--json", "--name", "n".repeat(500)], "baton: --name: "],
  [["--function", "baton-admin", "--json", "--pool", "gpu"], "baton: --pool: pools bind a token with the scope runner"],
  [["--function", "baton-admin", "--json", "--scope", "runner", "--pool", "a b"], "baton: --pool: "],
])("%j: says why, and ends with 2", async (args, why) => {
  const { code, stdout, stderr } = await bootstrap(...args);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(why) });
});
