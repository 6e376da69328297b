import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiError } from "../../shared/protocol/client.ts";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { eventually } from "../support/eventually.ts";
import { type MeddlingProxy, startMeddlingProxy } from "../support/meddling-proxy.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/** An ephemeral runner whose session token was stolen, against the real control plane. */

let system: WholeSystem;
let proxy: MeddlingProxy;
let runner: RunnerProcess | undefined;

beforeEach(async () => {
  system = await startWholeSystem({ memory: true });
  proxy = await startMeddlingProxy(system.stack().url);
});
afterEach(async () => {
  await runner?.discard();
  await proxy.stop();
  await system.stop();
});

test("SECURITY 23: who stole an ephemeral session gets one job in its runner's place, and never a second", async () => {
  const tokens: string[] = [];
  proxy.meddle = async (asked, forward) => {
    const answer = await forward(asked);
    if (asked.path === "/v1/sessions") tokens.push(String(JSON.parse(answer.body).sessionToken));
    return answer;
  };
  runner = await spawnRunner({ url: proxy.url, token: system.stack().token, args: ["--ephemeral"] });
  await runner.heard("ready");
  const token = tokens[0] ?? "";
  const steal = async (run: string) =>
    system.client.call(
      "claim",
      { params: { run, job: "one" }, body: { claimId: "stolen-session-claim", fence: 0 } },
      { token },
    );
  // Stopped, it takes no offers: the thief comes first.
  runner.child.kill("SIGSTOP");
  const first = await createRunOf(system.client, "jobs: {one: {run: 'true'}}\n");
  expect((await steal(first)).fence).toBe(1);
  const second = await createRunOf(system.client, "jobs: {one: {run: 'true'}}\n");
  await expect(steal(second)).rejects.toSatisfy((error) => error instanceof ApiError && error.status === 401);
  expect((await listAllJobs(system.client, second)).jobs[0]?.state).toBe("queued");
  // The runner finds its session spent, opens another, and runs its one job.
  runner.child.kill("SIGCONT");
  expect(await runEnds(system.client, second, 60_000)).toMatchObject({ state: "succeeded" });
  expect((await runner.exited).code).toBe(0);
  await eventually("it opened another session", () => tokens.length > 1);
});
