import { generateKeyPairSync } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { systemClock } from "../../shared/lib/clock.ts";
import type { AuditEntry } from "../../shared/protocol/audit.ts";
import { eventually } from "../support/eventually.ts";
import { findInFiles } from "../support/find-value.ts";
import { missingRights } from "../support/needed-rights.ts";
import { type PrivateRepository, startPrivateRepository } from "../support/private-repository.ts";
import { addCommit } from "../support/recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "../support/recording-forge.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";
import { newDeliveryId, signatureOf } from "../support/trigger-world.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/** A push to a private repository, the whole way: webhook, forge, lease, real git over HTTPS, and no value anywhere. */

const FORGE_TOKEN = "ghp_forge-token-that-nobody-may-see";
const CLONE_TOKEN = "ghp_clone-token-that-nobody-may-see";
const APP_ID = 7;
const PIPELINE = "on: {push: {}, pull_request: }\njobs: {tell: {run: 'cat file; env; cat .git/config'}}\n";
const WITHIN_MS = 30_000;

let repository: PrivateRepository;
let forge: RecordingForge;
let system: WholeSystem;
let runner: RunnerProcess;
const webhooks = new Map<string, string>();

beforeAll(async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const app = { appId: APP_ID, publicKey, installationId: 99 };
  forge = await startRecordingForge({ tokens: { [FORGE_TOKEN]: "baton-bot" }, app });
  const files = { ".baton/ci.yml": PIPELINE, file: "private\n" };
  const isPassword = (password: string) => password === CLONE_TOKEN || isNarrow(password);
  repository = await startPrivateRepository(files, { isPassword });
  for (const name of ["acme/widgets", "acme/gadgets"])
    addCommit(forge.repository(name), { branch: "main", files, sha: repository.sha });
  vi.stubEnv("BATON_FORGE_HOSTS", forge.host);
  system = await startWholeSystem({ memory: true, watched: true });
  const { url, token } = system.stack();
  runner = await spawnRunner({ url, token, args: ["--pass-env", "GIT_SSL_CAINFO"], env: repository.env });
  const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  await addProject("widgets", { secret: { kind: "app", appId: APP_ID, privateKey: key } });
  await addProject("gadgets", { secret: { kind: "token", token: FORGE_TOKEN }, cloneToken: CLONE_TOKEN });
});
afterAll(async () => {
  await runner.discard();
  await system.stop();
  await Promise.all([forge.stop(), repository.stop()]);
  vi.unstubAllEnvs();
});

/** Of the tokens that the App made, those that read one repository and do no more. */
function isNarrow(password: string): boolean {
  const mints = forge.requests.filter(({ path }) => path.endsWith("/access_tokens"));
  const [, number] = /^ghs_installation(\d+)x7$/.exec(password) ?? [];
  const wanted = z.object({
    repositories: z.tuple([z.string()]),
    permissions: z.strictObject({ contents: z.literal("read") }),
  });
  return number !== undefined && wanted.safeParse(mints[Number(number) - 1]?.body).success;
}

type Added = Parameters<typeof system.client.call<"addProject">>[1]["body"];
async function addProject(name: string, change: Pick<Added, "secret" | "cloneToken">): Promise<void> {
  const address = { repository: `acme/${name}`, apiUrl: forge.url, cloneUrl: repository.url };
  const credentials = change.secret?.kind ?? "none";
  const body = {
    name,
    forge: { kind: "github", credentials, ...address },
    forks: { mode: "run", pool: "default" },
  } as const;
  const { webhookSecret } = await system.client.call("addProject", { body: { ...body, ...change } });
  webhooks.set(name, webhookSecret);
}

async function post(project: string, event: string, body: object): Promise<void> {
  const text = JSON.stringify({ ...body, repository: { full_name: `acme/${project}` }, sender: { login: "ann" } });
  const answer = await fetch(`${system.stack().url}/v1/webhooks/github/${project}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": newDeliveryId(),
      "x-hub-signature-256": signatureOf(text, webhooks.get(project) ?? ""),
    },
    body: text,
  });
  expect(answer.status).toBe(202);
}
const push = () => ({
  ref: "refs/heads/main",
  before: "0".repeat(40),
  after: repository.sha,
  created: true,
  head_commit: { id: repository.sha, message: "first" },
  commits: [],
});
const pullOfFork = () => ({
  action: "opened",
  number: 7,
  pull_request: {
    updated_at: new Date(systemClock.nowMs()).toISOString(),
    head: { sha: repository.sha, ref: "patch", repo: { id: 2 } },
    base: { sha: repository.sha, ref: "main", repo: { id: 1 } },
  },
});

/** The run of that event, when it has ended. */
async function ended(project: string, event: string) {
  const look = async () => {
    const { runs } = await system.client.call("listRuns", { query: { project, limit: 10 } });
    for (const { id, endedAtMs } of runs) {
      if (endedAtMs === undefined) continue;
      const { run } = await system.client.call("getRun", { params: { run: id } });
      if (run.trigger?.event === event) return run;
    }
    return undefined;
  };
  return eventually(`the run of ${project} ends`, look, WITHIN_MS, 100);
}
async function logOf(run: string): Promise<string> {
  const { chunks } = await system.client.call("getLog", { params: { run, job: "tell" } });
  const parts = await Promise.all(chunks.map(async ({ url }) => Buffer.from(await (await fetch(url)).arrayBuffer())));
  return parts.map((part) => gunzipSync(part).toString()).join("");
}
const isValue = /nobody-may-see|ghs_installation/;
async function usesOf(run: string): Promise<AuditEntry["details"][]> {
  const { entries } = await system.client.call("readAudit", { query: { limit: 50 } });
  expect(JSON.stringify(entries)).not.toMatch(isValue);
  return entries.flatMap(({ action, subject, details }) =>
    action === "source.use" && subject === run ? [details] : [],
  );
}

test.each([
  ["widgets", "an App", "app"],
  ["gadgets", "a clone token", "clone_token"],
])("a push to %s, of %s, is checked out, and its log shows nothing of it", async (project, _, by) => {
  await post(project, "push", push());
  const run = await ended(project, "push");
  expect(run.state).toBe("succeeded");
  const log = await logOf(run.id);
  expect(log).toContain("private\n");
  expect(log).not.toMatch(isValue);
  expect(await usesOf(run.id)).toMatchObject([{ project, job: "tell", fence: 1, by }]);
});

test.each(["widgets", "gadgets"])("SECURITY 19: a fork's pull request to %s gets no credential", async (project) => {
  await post(project, "pull_request", pullOfFork());
  const run = await ended(project, "pull_request");
  expect(run.state).toBe("failed");
  expect(await logOf(run.id)).toContain("could not read Username");
  expect(await usesOf(run.id)).toEqual([]);
});

test("SECURITY 12: no file of the stack or the runner holds a credential", () => {
  const values = [CLONE_TOKEN, FORGE_TOKEN, "ghs_installation"];
  const basics = values.map((value) => Buffer.from(`x-access-token:${value}`).toString("base64").slice(0, 32));
  for (const folder of [system.stateDir, runner.workDir])
    expect(findInFiles(folder, [...values, ...basics])).toEqual([]);
});

test("SECURITY 9: no function needed a right that its role does not have", () => {
  expect(missingRights(system.stateDir).missing).toEqual([]);
});
