import { GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { poolQueueName, queueUrl } from "../../localstack/names.ts";
import { ApiError } from "../../shared/protocol/client.ts";
import type { Session } from "../../shared/protocol/leases.ts";
import { eventually } from "../support/eventually.ts";
import { type MeddlingProxy, PASS, startMeddlingProxy } from "../support/meddling-proxy.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";
import { stackClients } from "../support/stack-clients.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/** A runner that polls through the API: the embedded stack's real handlers, a real runner, a proxy between them. */

let system: WholeSystem;
let proxy: MeddlingProxy;
let runners: RunnerProcess[];
/** What passed the proxy: method and path, and the answer's status. */
let passed: { what: string; status: number }[];

beforeEach(async () => {
  system = await startWholeSystem({ memory: true });
  proxy = await startMeddlingProxy(system.stack().url);
  runners = [];
  passed = [];
});

afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.discard()));
  await proxy.stop();
  await system.stop();
});

async function runner(...args: string[]): Promise<void> {
  runners.push(await spawnRunner({ url: proxy.url, token: system.stack().token, args: ["--poll", "api", ...args] }));
}

const offersLeft = async () => {
  const { sqs, awsUrl } = stackClients(system.stack(), system.stateDir);
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const QueueUrl = queueUrl(awsUrl, poolQueueName("default"));
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
  );
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
};

/** Lets everything pass but the claims that `lose` picks, whose answers are lost on their way. */
function meddle(lose: (claims: number) => boolean): void {
  let claims = 0;
  proxy.meddle = async (asked, forward) => {
    const isClaim = asked.path.endsWith("/leases");
    if (isClaim) claims += 1;
    const answer = await PASS(asked, forward);
    const status = isClaim && lose(claims) ? 503 : answer.status;
    passed.push({ what: asked.path.replace(/^.*\/(pools|leases)/, "$1"), status });
    if (status === answer.status) return answer;
    return { status, body: JSON.stringify({ code: "not_ready", message: "lost", requestId: "test" }) };
  };
}

test("jobs run with no way to the queue, and their offers are deleted", async () => {
  meddle(() => false);
  const runId = await createRunOf(system.client, "jobs: {one: {run: 'true'}, two: {needs: one, run: 'true'}}\n");
  await runner("--slots", "2");
  expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  await eventually("the offers are deleted", async () => (await offersLeft()) === 0);
  const session = passed.find(({ what }) => what === "/v1/sessions");
  expect(session?.status).toBe(201);
});

test("an offer is not deleted before its claim has a durable answer", async () => {
  meddle((claims) => claims <= 3);
  const runId = await createRunOf(system.client, "jobs: {one: {run: 'true'}}\n");
  await runner("--slots", "1");
  expect(await runEnds(system.client, runId, 60_000)).toMatchObject({ state: "succeeded" });
  await eventually("the offer is deleted", async () => (await offersLeft()) === 0);
  const order = passed.map(({ what, status }) => `${what} ${status}`).filter((line) => /leases |remove/.test(line));
  expect(order.slice(0, 4)).toEqual([...Array.from({ length: 3 }, () => "leases 503"), "leases 201"]);
  expect(order.slice(4)).toContain("pools/default/offers/remove 200");
});

test("a session takes, deletes and returns offers of its own pools alone, and gets no queue credentials", async () => {
  const { client } = system;
  const open = (poll: "queue" | "api"): Promise<Session> =>
    client.call("openSession", { body: { name: "x", pools: ["default"], slots: 1, poll } });
  const session = await open("api");
  expect(session.sqs).toBeUndefined();
  expect((await open("queue")).sqs).toBeDefined();
  const options = { token: session.sessionToken };
  const body = { max: 1, waitSeconds: 1 };
  const receive = async () =>
    (await client.call("receiveOffers", { params: { pool: "default" }, body }, options)).offers;
  expect(await receive()).toEqual([]);
  const { sqs, awsUrl } = stackClients(system.stack(), system.stateDir);
  const QueueUrl = queueUrl(awsUrl, poolQueueName("default"));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "an offer" }));
  const [offer] = await receive();
  expect(offer?.body).toBe("an offer");
  const receipts = [offer?.receipt ?? ""];
  await client.call("returnOffers", { params: { pool: "default" }, body: { receipts } }, options);
  const again = await eventually("it is visible again", async () => (await receive())[0]);
  await client.call("removeOffers", { params: { pool: "default" }, body: { receipts: [again.receipt] } }, options);
  expect(await offersLeft()).toBe(0);
  // A mistake of its runner, which another try does not mend. (The embedded server takes any receipt to delete.)
  const made = client.call(
    "returnOffers",
    { params: { pool: "default" }, body: { receipts: ["no receipt"] } },
    options,
  );
  await expect(made).rejects.toMatchObject({ status: 400, code: "bad_request" });
  const strange = client.call("receiveOffers", { params: { pool: "other" }, body }, options);
  await expect(strange).rejects.toSatisfy((error) => error instanceof ApiError && error.status === 403);
});
