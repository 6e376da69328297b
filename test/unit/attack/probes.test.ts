import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ApiError, type Client } from "../../../shared/protocol/client.ts";
import type { JobView } from "../../../shared/protocol/runs.ts";
import { processesNaming } from "../../attack/orphans.ts";
import { probeStaleAttempts } from "../../attack/stale-probes.ts";
import { eventually } from "../../support/eventually.ts";

/** What looks for orphans and accepted stale writes finds them where they are planted. */

const RUN = "run_01h455vb4pex5vsknk084sn02q";
const base = { runId: RUN, id: "a", name: "a", state: "succeeded", pool: "default", fence: 2, createdAtMs: 0 };
const attempt = (fence: number, outcome: string) => ({
  fence,
  runner: "r",
  grantedAtMs: 0,
  end: { outcome, atMs: 1 },
});
const job = {
  ...base,
  result: { fence: 2, outcome: "succeeded" },
  attempts: [attempt(1, "lost"), attempt(2, "succeeded")],
};

/** A control plane that accepts what `accepts` says, and tells `after` of the job. */
function client(accepts: (name: string, fence: number) => boolean, after: object = job): Client {
  const call = async (name: string, input: { readonly params?: { readonly fence?: number } }) => {
    if (name === "getJob") return { job: after };
    if (accepts(name, Number(input.params?.fence))) return { state: "succeeded" };
    throw new ApiError(409, { code: "stale_lease", message: "stale", requestId: "r" });
  };
  return { url: "http://127.0.0.1", call: call as Client["call"] };
}
const probed = (one: Client) => probeStaleAttempts(one, RUN, [job as unknown as JobView], () => "token");

test("a control plane that refuses every stale call is clean; a repeat of the result may be acknowledged", async () => {
  expect(await probed(client(() => false))).toMatchObject({ accepted: 0, probes: 8 });
  expect(await probed(client((name, fence) => name === "complete" && fence === 2))).toMatchObject({ accepted: 0 });
});

test.each(["ack", "heartbeat", "uploads", "complete"])("planted: an accepted %s of a lost attempt", async (name) => {
  expect(await probed(client((called, fence) => called === name && fence === 1))).toMatchObject({ accepted: 1 });
});

test("planted: a stale call that was refused and changed the job all the same", async () => {
  const changed = { ...job, result: { fence: 1, outcome: "failed" } };
  expect(await probed(client(() => false, changed))).toMatchObject({ accepted: 1 });
});

test("planted: a process of an attempt that outlived it", async () => {
  const mark = `${RUN}/a/1/planted`;
  const orphan = spawn("sleep", ["60"], { env: { PATH: "/usr/bin:/bin", BATON_ATTEMPT: mark } });
  await eventually("the orphan is found", () => processesNaming([mark]).length === 1);
  expect(processesNaming([mark])[0]?.pid).toBe(orphan.pid);
  orphan.kill("SIGKILL");
  await once(orphan, "exit");
  await eventually("the orphan is gone", () => processesNaming([mark]).length === 0);
});
