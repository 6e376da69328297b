import { DeleteBucketCommand } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BUCKET_NAME, poolQueueName, queueUrl } from "../../localstack/names.ts";
import type { Offer } from "../../shared/protocol/leases.ts";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { eventually } from "../support/eventually.ts";
import { processTree } from "../support/process-tree.ts";
import { isAlive } from "../support/processes.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import type { RunnerProcess } from "../support/runner-process.ts";
import { stackClients } from "../support/stack-clients.ts";
import { makeStepFiles, type StepFiles } from "../support/step-files.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/** The whole system as real processes, and what must not happen to it when one of them is killed or refuses. */

let system: WholeSystem;
let files: StepFiles;

async function begin(options: { memory: boolean } = { memory: true }): Promise<void> {
  system = await startWholeSystem(options);
}

beforeEach(() => {
  files = makeStepFiles();
});

afterEach(async () => {
  await system.stop();
  files.remove();
});

const jobsOf = async (run: string) => (await listAllJobs(system.client, run)).jobs;
const watchdogsOf = ({ pid }: RunnerProcess) =>
  processTree(pid).filter(({ command }) => command.includes("/watchdog/main.ts"));

/** Jobs that append their own id, and then take a while. */
function writingJobs(ids: readonly string[], seconds: number): string {
  const lines = ids.map((id) => `  ${id}: {run: "echo $BATON_JOB_ID >> ${files.path("done")}; sleep ${seconds}"}`);
  return `jobs:\n${lines.join("\n")}\n`;
}

test("a duplicate offer ×3 for every job gives one completion, and no offer is left", async () => {
  await begin();
  const { sqs, awsUrl } = stackClients(system.stack(), system.stateDir);
  const pool = queueUrl(awsUrl, poolQueueName("default"));
  const ids = Array.from({ length: 12 }, (_, at) => `job-${at}`);
  const runId = await createRunOf(system.client, writingJobs(ids, 0));
  for (const jobId of ids) {
    const offer: Offer = { v: 1, tenant: "main", runId, jobId, fence: 0 };
    for (let copy = 0; copy < 3; copy += 1)
      await sqs.send(new SendMessageCommand({ QueueUrl: pool, MessageBody: JSON.stringify(offer) }));
  }
  await Promise.all([system.addRunner("--slots", "2"), system.addRunner("--slots", "2", "--name", "other")]);
  expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  expect((await jobsOf(runId)).map((job) => job.attempts.length)).toEqual(ids.map(() => 1));
  expect(files.lines("done").sort()).toEqual([...ids].sort());
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  await eventually("every offer is deleted", async () => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: pool, AttributeNames: [...AttributeNames] }),
    );
    return AttributeNames.every((name) => Attributes[name] === "0");
  });
});

test("kill -9 of the runner: its step is gone at once, and another runner has the job in seconds", async () => {
  await begin();
  const first = await system.addRunner("--slots", "1");
  const pid = files.path("pid");
  const script = `[ $BATON_FENCE -gt 1 ] || { echo $$ > ${pid}; sleep 600; }`;
  const runId = await createRunOf(system.client, `jobs: {only: {run: "${script}"}}\n`);
  const step = await files.pid("pid");
  process.kill(first.pid, "SIGKILL");
  await eventually("the step is gone", () => !isAlive(step), 3_000);
  await eventually("the job is free again", async () => (await jobsOf(runId))[0]?.state === "queued", 3_000);
  await system.addRunner("--slots", "1", "--name", "second");
  expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  const [job] = await jobsOf(runId);
  expect(job?.attempts.map(({ fence, end }) => [fence, end?.outcome])).toEqual([
    [1, "lost"],
    [2, "succeeded"],
  ]);
  // Infrastructure's loss is never the user's failure.
  expect(job?.left).toEqual({ failed: 0, lost: 2 });
});

test("kill -9 of the control plane in the middle of a run: it ends, no job lost, no result doubled, no orphan", async () => {
  await begin({ memory: false });
  const runner = await system.addRunner("--slots", "2");
  const ids = Array.from({ length: 6 }, (_, at) => `job-${at}`);
  const runId = await createRunOf(system.client, `${writingJobs(ids, 1)}  last: {needs: [${ids}], run: "true"}\n`);
  await eventually("some jobs have ended, some run, some wait", async () => {
    const states = (await jobsOf(runId)).map((job) => job.state);
    return ["succeeded", "running", "queued"].every((state) => states.some((one) => one === state));
  });
  const { pid, enginePid } = system.stack();
  await system.crashAndRestartStack();
  expect([pid, enginePid].map(isAlive)).toEqual([false, false]);
  expect(await runEnds(system.client, runId, 30_000)).toMatchObject({ state: "succeeded" });
  const jobs = await jobsOf(runId);
  expect(jobs.map((job) => job.attempts.map(({ end }) => end?.outcome))).toEqual(jobs.map(() => ["succeeded"]));
  expect(files.lines("done").sort()).toEqual([...ids].sort());
  await eventually(
    "no step is left",
    () => !processTree(runner.pid).some(({ command }) => command.includes("step-1.sh")),
  );
});

test("case L5: a bucket that refuses uploads: no job is green that lost all it made; another host tries", async () => {
  await begin();
  const { s3 } = stackClients(system.stack(), system.stateDir);
  await s3.send(new DeleteBucketCommand({ Bucket: BUCKET_NAME }));
  await system.addRunner("--slots", "1");
  const artifacts = "artifacts: {paths: [out]}, retries: {lost: 1}";
  const definition = `jobs: {only: {run: "echo hello; echo kept > out", ${artifacts}}, quiet: {run: "echo hello"}}\n`;
  const runId = await createRunOf(system.client, definition);
  expect(await runEnds(system.client, runId, 120_000)).toMatchObject({ state: "errored" });
  const [only, quiet] = await jobsOf(runId);
  expect(only?.attempts.map(({ end }) => end?.outcome)).toEqual(["lost", "lost"]);
  const end = only?.attempts[1]?.end;
  expect(end?.failure).toMatchObject({ class: "infra", message: expect.stringContaining("could not be kept") });
  expect(end?.log).toMatchObject({ chunkCount: 0, lostBytes: end?.log?.bytes });
  // A log alone is no reason to run a job again.
  expect([quiet?.state, quiet?.attempts[0]?.end?.losses?.length]).toEqual(["succeeded", 1]);
});

test("a step that forks into the background: the job ends with the step, and what it left is ended", async () => {
  await begin();
  const runner = await system.addRunner("--slots", "1");
  const script = `sleep 600 & echo $! > ${files.path("pid")}; setsid sleep 601 & echo started`;
  const runId = await createRunOf(system.client, `jobs: {only: {run: "${script}"}}\n`);
  expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  expect(isAlive(await files.pid("pid"))).toBe(false);
  const left = processTree(1).filter(({ command }) => command === "sleep 601");
  expect([...left, ...processTree(runner.pid).filter(({ command }) => command.startsWith("sleep"))]).toEqual([]);
  expect(watchdogsOf(runner).length).toBeGreaterThan(0);
});
