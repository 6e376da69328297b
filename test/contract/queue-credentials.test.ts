import { startFauxqs } from "fauxqs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { poolOffers, runnerSqs } from "../../functions/runner-sqs.ts";
import { openOfferQueue } from "../../runner/offer-queue.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import type { Session } from "../../shared/protocol/leases.ts";
import { eventually } from "../support/eventually.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";

/** Real requests of the SDK: to an STS that keeps what it hears, and to a real SQS server behind a recorder. */

const ROLE = "arn:aws:iam::123456789012:role/baton-runner";
const QUEUE_PREFIX = "https://sqs.eu-central-1.amazonaws.com/123456789012/baton-pool-";
const QUARTER_MS = 900_000;
const noMeter = () => undefined;

let sts: HttpRecorder;
let calls: URLSearchParams[];
let refuses: boolean;

beforeEach(async () => {
  calls = [];
  refuses = false;
  sts = await startHttpRecorder(({ body }) => {
    calls.push(new URLSearchParams(body));
    return refuses ? { status: 403, body: DENIED } : { status: 200, body: assumed(calls.length) };
  });
  vi.stubEnv("AWS_ENDPOINT_URL_STS", sts.url);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "function");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "function");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await sts.stop();
});

const DENIED = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>`;

const assumed = (number: number) => `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><AssumedRoleUser><AssumedRoleId>x:y</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/x/y</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIA${number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token ${number}</SessionToken>
<Expiration>${new Date(systemClock.nowMs() + QUARTER_MS).toISOString()}</Expiration></Credentials></AssumeRoleResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`;

function places(change: Record<string, string> = {}) {
  return {
    AWS_REGION: "eu-central-1",
    BATON_API_POLLING: "off" as const,
    BATON_POOLS: ["default", "gpu"],
    BATON_POOL_QUEUE_URL_PREFIX: QUEUE_PREFIX,
    ...change,
  };
}

test("a session gets 15 minutes of the runners' role, narrowed to its pools' queues, under its own name", async () => {
  const { region, credentialsFor } = runnerSqs(places({ BATON_RUNNER_ROLE_ARN: ROLE }), noMeter);
  const lent = await credentialsFor({ pools: ["gpu"], runnerId: "rnr_1", ephemeral: false });
  expect(region).toBe("eu-central-1");
  expect(lent.credentials).toEqual({ accessKeyId: "ASIA1", secretAccessKey: "secret", sessionToken: "token 1" });
  expect(lent.expiresAtMs ?? 0).toBeGreaterThan(systemClock.nowMs() + QUARTER_MS - 60_000);
  const [call] = calls;
  expect(Object.fromEntries(call ?? [])).toMatchObject({
    Action: "AssumeRole",
    RoleArn: ROLE,
    RoleSessionName: "rnr_1",
    DurationSeconds: "900",
  });
  expect(JSON.parse(call?.get("Policy") ?? "")).toMatchObject({
    Statement: [{ Resource: ["arn:aws:sqs:eu-central-1:123456789012:baton-pool-gpu"] }],
  });
});

test("where STS refuses, no session opens, and nothing of the function's own is handed out", async () => {
  refuses = true;
  const { credentialsFor } = runnerSqs(places({ BATON_RUNNER_ROLE_ARN: ROLE }), noMeter);
  await expect(credentialsFor({ pools: ["gpu"], runnerId: "rnr_1", ephemeral: false })).rejects.toThrow(
    "not authorized",
  );
});

test("without a role, only a named endpoint gets credentials, and those are no secret", async () => {
  const atEndpoint = runnerSqs(places({ BATON_RUNNER_SQS_ENDPOINT: "http://127.0.0.1:4566" }), noMeter);
  const access = { pools: ["default"], runnerId: "rnr_1", ephemeral: false };
  expect(await atEndpoint.credentialsFor(access)).toEqual({
    credentials: { accessKeyId: "embedded", secretAccessKey: "embedded" },
  });
  await expect(runnerSqs(places(), noMeter).credentialsFor(access)).rejects.toThrow("BATON_RUNNER_ROLE_ARN");
  expect(calls).toHaveLength(0);
});

test("polling for runners, the function itself takes the runners' role, once", async () => {
  const sqs = await startHttpRecorder(() => ({
    status: 200,
    body: "{}",
    headers: { "content-type": "application/x-amz-json-1.0" },
  }));
  try {
    const environment = places({
      BATON_RUNNER_ROLE_ARN: ROLE,
      BATON_API_POLLING: "on",
      AWS_ENDPOINT_URL_SQS: sqs.url,
      BATON_POOL_QUEUE_URL_PREFIX: `${sqs.url}/123456789012/baton-pool-`,
    });
    const offers = poolOffers(environment, noMeter);
    expect(await offers?.receive("gpu", 3, 1)).toEqual([]);
    expect(await offers?.receive("default", 3, 1)).toEqual([]);
    expect(sqs.heard.map(({ headers }) => keyIdOf(headers.authorization))).toEqual(["ASIA1", "ASIA1"]);
    expect(calls).toHaveLength(1);
  } finally {
    await sqs.stop();
  }
  expect(poolOffers(places(), noMeter)).toBeUndefined();
});

const keyIdOf = (authorization = "") => /Credential=([^/]+)/.exec(authorization)?.[1];

test("a renewed session's credentials serve the next request, and the poll in flight still brings its offer", async () => {
  const sqs = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
  sqs.createQueue("baton-pool-default");
  const url = `http://127.0.0.1:${sqs.port}`;
  const recorder = await startHttpRecorder(async ({ method, headers, body }) => {
    const answer = await fetch(url, { method, headers: passedOn(headers), body });
    return { status: answer.status, body: await answer.text(), headers: { "content-type": JSON_TYPE } };
  });
  try {
    const troubles: unknown[] = [];
    const session = (key: string) => sessionAt(recorder.url, key);
    const queue = openOfferQueue(session("first"), (error) => troubles.push(error), noMeter);
    const queueUrl = `${recorder.url}/000000000000/baton-pool-default`;
    const polling = queue.receive(queueUrl, 1, false);
    await eventually("the poll is in flight", () => recorder.heard.length === 1);
    expect(queue.renew(session("second"))).toBe(true);
    sqs.sendMessage("baton-pool-default", "an offer");
    const [message] = await polling;
    expect(message?.body).toBe("an offer");
    if (message !== undefined) queue.remove(message);
    await queue.flush();
    expect(sqs.inspectQueue("baton-pool-default")?.messages.inflight).toHaveLength(0);
    expect(recorder.heard.map(({ headers }) => keyIdOf(headers.authorization))).toEqual(["first", "second"]);
    expect(recorder.heard.map(({ headers }) => headers["x-amz-security-token"])).toEqual(["of first", "of second"]);
    expect(troubles).toEqual([]);
    expect(queue.renew(sessionAt("http://127.0.0.1:1", "third"))).toBe(false);
  } finally {
    await recorder.stop();
    await sqs.stop();
  }
});

const JSON_TYPE = "application/x-amz-json-1.0";

function passedOn(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const kept = ["content-type", "x-amz-target", "authorization", "x-amz-date"];
  return Object.fromEntries(kept.map((name) => [name, String(headers[name])]));
}

function sessionAt(endpoint: string, accessKeyId: string): Session {
  const credentials = { accessKeyId, secretAccessKey: "secret", sessionToken: `of ${accessKeyId}` };
  return {
    runnerId: "rnr_00000000000000000000000001",
    sessionToken: "session",
    expiresInMs: QUARTER_MS,
    pools: [],
    sqs: { region: "us-east-1", endpoint, credentials },
  };
}
