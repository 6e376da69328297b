import { afterEach, expect, test } from "vitest";
import { describeEvent } from "../../runner/events.ts";
import { queueTrouble } from "../../runner/queue-trouble.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";

/** What a runner process says of a queue that refuses, with the SDK's real errors of real answers. */

const JSON_TYPE = { "content-type": "application/x-amz-json-1.0" };
const QUEUE_PATH = "/000000000000/baton-pool-gpu";
let recorders: HttpRecorder[] = [];
let runner: RunnerProcess | undefined;

afterEach(async () => {
  await runner?.discard();
  await Promise.all(recorders.map((recorder) => recorder.stop()));
  recorders = [];
});

async function serve(answer: () => Answer): Promise<string> {
  const recorder = await startHttpRecorder(answer);
  recorders.push(recorder);
  return recorder.url;
}

/** A control plane that opens sessions for one queue, and does no more. */
function planeWith(sqsUrl: string): Promise<string> {
  const session = {
    runnerId: "rnr_00000000000000000000000001",
    sessionToken: "session",
    expiresInMs: 900_000,
    pools: [{ name: "gpu", queueUrl: sqsUrl + QUEUE_PATH }],
    sqs: { region: "eu-central-1", endpoint: sqsUrl, credentials: { accessKeyId: "a", secretAccessKey: "b" } },
  };
  return serve(() => ({ status: 200, body: JSON.stringify(session) }));
}

async function firstTrouble(sqsUrl: string): Promise<string> {
  runner = await spawnRunner({ url: await planeWith(sqsUrl), token: "baton_main_x", args: ["--pool", "gpu"] });
  const event = await runner.heard("unreachable");
  return describeEvent(event);
}

const aws = (status: number, type: string, message?: string): Answer => ({
  status,
  headers: JSON_TYPE,
  body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, ...(message === undefined ? {} : { message }) }),
});

test.each<[string, Answer, string]>([
  [
    "refuses",
    aws(403, "AccessDenied", "may not receive"),
    "SQS answered 403 AccessDenied: may not receive; the deploy",
  ],
  ["is gone", aws(400, "QueueDoesNotExist", "no such queue"), "SQS answered 400 QueueDoesNotExist: no such queue; the"],
  ["is of dead credentials", aws(403, "ExpiredToken"), "SQS answered 403 ExpiredToken and does not say why; the next"],
  ["says nothing", { status: 403 }, "SQS answered 403 and does not say why; tries go on"],
  [
    "is behind a proxy",
    { status: 502, body: "<html>" },
    "answered 502, but not as SQS does; a proxy, or another server",
  ],
])("a queue that %s: its pool, its address, the cause, and what the runner does next", async (_, answer, why) => {
  const sqsUrl = await serve(() => answer);
  const line = await firstTrouble(sqsUrl);
  expect(line).toContain(`the queue of pool gpu cannot be used: ${sqsUrl}${QUEUE_PATH}: ${why}`);
  expect(line).toMatch(/; tries go on, ever later, up to 10 s apart$/);
});

test("an endpoint that nobody answers at is told as such, and when it answers again", async () => {
  const recorder = await startHttpRecorder(() => ({ status: 200 }));
  await recorder.stop();
  const line = await firstTrouble(recorder.url);
  expect(line).toContain(`${recorder.url}${QUEUE_PATH}: no answer (connect ECONNREFUSED`);
  expect(line).toContain("take offers with --poll api");
});

test("it is said once, and once more when the queue answers again", async () => {
  let denied = true;
  const sqsUrl = await serve(() =>
    denied ? aws(403, "AccessDenied", "no") : { status: 200, headers: JSON_TYPE, body: "{}" },
  );
  await firstTrouble(sqsUrl);
  const sqs = recorders[0];
  await eventually("it has tried again", () => (sqs?.heard.length ?? 0) >= 4);
  denied = false;
  const again = await runner?.heard("reachable");
  expect(again).toMatchObject({ what: "the queue of pool gpu" });
  expect(runner?.events.filter(({ type }) => type === "unreachable")).toHaveLength(1);
});

test("an error of several addresses is told by its first, and one that is no error at all as it is", () => {
  const both = new AggregateError([Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" })], "");
  expect(queueTrouble("q", both)).toMatch(/^q: no answer \(connect ETIMEDOUT\)/);
  expect(queueTrouble("q", "odd")).toBe("q: odd");
});
