import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  FAKE_TOKEN,
  type FakeControlPlane,
  type FakeJob,
  startFakeControlPlane,
} from "../support/fake-control-plane.ts";
import { findInFiles } from "../support/find-value.ts";
import { type PrivateRepository, startPrivateRepository } from "../support/private-repository.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";

/** A real runner that asks for what it fetches its source with, against a control plane in memory. */

const PASSWORD = "ghs_password-that-nobody-may-see";
const BASIC = Buffer.from(`x-access-token:${PASSWORD}`).toString("base64");
const REPLY = { credential: { username: "x-access-token", password: PASSWORD } };

let plane: FakeControlPlane;
let repository: PrivateRepository;
let runner: RunnerProcess;

beforeEach(async () => {
  plane = await startFakeControlPlane();
  repository = await startPrivateRepository({ file: "private\n" }, { isPassword: (password) => password === PASSWORD });
  const args = ["--pass-env", "GIT_SSL_CAINFO"];
  runner = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, args, env: repository.env });
});
afterEach(async () => {
  await runner.discard();
  await Promise.all([plane.stop(), repository.stop()]);
});

function addJob(change: Partial<FakeJob> & { script?: string }): FakeJob {
  const source = { kind: "git" as const, url: repository.url, sha: repository.sha, branch: "main" };
  const job = plane.addJob({ source, ...change });
  plane.offer(job);
  return job;
}
const ended = (job: FakeJob) => eventually(`${job.runId} ends`, () => job.ends[0], 20_000);
const asked = () => plane.calls.filter(({ name }) => name === "source").length;

test("a private source is checked out with the credential; steps find nothing of it", async () => {
  const look = "cat file; env | base64; cat .git/config; tr '\\0' '\\n' < /proc/$PPID/environ; ls -A $HOME";
  const job = addJob({ sourceReply: REPLY, script: `${look}; ! env | grep -e GIT_CONFIG -e nobody-may` });
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("private\n");
  expect(plane.logOf(job)).not.toContain("***");
  expect(asked()).toBe(1);
  expect(findInFiles(runner.workDir, [PASSWORD, BASIC])).toEqual([]);
});

test("SECURITY 28: the log masks the credential, as it is and as HTTP writes it", async () => {
  const job = addJob({ sourceReply: REPLY, script: `echo "one ${PASSWORD}, two ${BASIC}"` });
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("one ***, two ***\n");
  expect(plane.logOf(job)).not.toContain("nobody-may-see");
});

test("a grant that says nothing of a credential costs no question, and the source is fetched as a public one", async () => {
  const job = addJob({ script: "true" });
  expect(await ended(job)).toBe("complete failed");
  expect(plane.logOf(job)).toContain("could not read Username");
  expect(asked()).toBe(0);
});

test("what the forge refuses is said in the log, beside what came of it", async () => {
  const job = addJob({ sourceReply: { problem: "GitHub answered 404 to GET /installation" } });
  expect(await ended(job)).toBe("complete failed");
  expect(plane.logOf(job)).toMatch(/warning: no credential for the source: GitHub answered 404.*\n.*could not read/s);
});

test("an answer that is lost is asked for again", async () => {
  plane.fault("source", "lose_answer");
  plane.fault("source", "refuse");
  expect(await ended(addJob({ sourceReply: REPLY }))).toBe("complete succeeded");
  expect(asked()).toBe(2);
});
