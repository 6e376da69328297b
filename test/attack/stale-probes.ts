import { isDeepStrictEqual } from "node:util";
import { ApiError, type Client } from "../../shared/protocol/client.ts";
import type { Completion } from "../../shared/protocol/products.ts";
import type { JobView } from "../../shared/protocol/runs.ts";

/** Says again, with the real token of an attempt that is over, all that it could have said while it lived. */

const SHA256 = "0".repeat(64);
const LAST_WORD: Completion = {
  outcome: "failed",
  exitCode: 99,
  log: { bytes: 1, lostBytes: 1, chunkCount: 0, index: { kind: "lost" } },
  artifacts: [{ name: "artifacts.tar.gz", kind: "archive", bytes: 1, files: 1, sha256: SHA256 }],
  losses: ["a stale attempt says so"],
  checks: [{ id: "forged", outcome: "passed" }],
};

export interface ProbeFindings {
  readonly probes: number;
  readonly accepted: number;
  readonly findings: readonly string[];
}

/** Every call of an ended attempt must be refused, or be a repeat that changes nothing. */
export async function probeStaleAttempts(
  client: Client,
  run: string,
  jobs: readonly JobView[],
  tokenOf: (job: string, fence: number) => string | undefined,
): Promise<ProbeFindings> {
  const findings: string[] = [];
  let probes = 0;
  for (const job of jobs) {
    for (const { fence, end } of job.attempts) {
      const token = tokenOf(job.id, fence);
      if (token === undefined || end === undefined) continue;
      const accepted = await acceptedOf(client, { run, job: job.id, fence }, token, end.outcome === "lost");
      probes += accepted.tried;
      for (const what of accepted.what)
        findings.push(`${run}/${job.id}: ${what} of ended attempt ${fence} was accepted`);
    }
    const after = (await client.call("getJob", { params: { run, job: job.id } })).job;
    if (!isDeepStrictEqual(after, job)) findings.push(`${run}/${job.id}: stale calls changed the job`);
  }
  return { probes, accepted: findings.length, findings };
}

async function acceptedOf(
  client: Client,
  params: { run: string; job: string; fence: number },
  token: string,
  lost: boolean,
) {
  const options = { token };
  const files = [
    { kind: "log" as const, seq: 7, bytes: 1, sha256: SHA256 },
    { kind: "artifact" as const, name: "artifacts.tar.gz", bytes: 1, sha256: SHA256 },
  ];
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["an acknowledgement", () => client.call("ack", { params }, options)],
    [
      "a heartbeat",
      () => client.call("heartbeat", { params, body: { phase: "running", step: 0, logBytes: 0 } }, options),
    ],
    ["an upload of log and artifact", () => client.call("uploads", { params, body: { files } }, options)],
    ["a result with checks and artifacts", () => client.call("complete", { params, body: LAST_WORD }, options)],
  ];
  const what: string[] = [];
  for (const [name, call] of calls) {
    const accepted = await isAccepted(call);
    // A result that is said again is acknowledged again where the attempt has one: what it says must change nothing.
    if (accepted && (lost || !name.startsWith("a result"))) what.push(name);
  }
  return { tried: calls.length, what };
}

async function isAccepted(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return false;
    throw error;
  }
}
