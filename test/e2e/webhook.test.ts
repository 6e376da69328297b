import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WEBHOOK_BODY_BYTES_MAX } from "../../shared/domain/limits.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";
import { missingRights } from "../support/needed-rights.ts";
import { addCommit } from "../support/recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "../support/recording-forge.ts";
import { newDeliveryId, signatureOf } from "../support/trigger-world.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/** Webhooks the whole way: over HTTP to the embedded stack, a forge of our own, real git and a real shell. */

const TOKEN = "ghp_0123456789abcdefghijklmnop";
const WITHIN_MS = 30_000;
let root: string;
let git: GitHttpServer;
let forge: RecordingForge;
let system: WholeSystem;
let secret: string;
let sha: string;

/** A blank, where a branch may have none. */
const IFS = "$\u007bIFS}";
/** What a stranger may call a branch. */
const HOSTILE = [
  `$(touch${IFS}pwned)`,
  `\`touch${IFS}pwned\`;touch${IFS}pwned;'"&&touch${IFS}pwned|tee<x>pwned`,
  "$\u007brun.id}$\u007benv.PATH}%n%s",
];
const PIPELINE = `
on:
  push: {branches: "**"}
  pull_request:
jobs:
  tell:
    name: on \${git.branch}
    env: {COPY: "\${git.branch}"}
    run: |
      printf 'branch=%s\\ncopy=%s\\nevent=%s\\npull=%s\\nbase=%s\\n' \\
        "$BATON_BRANCH" "$COPY" "$BATON_EVENT" "\${BATON_PR_NUMBER:-none}" "\${BATON_BASE_BRANCH:-none}"
      eval ls
      test ! -e pwned
`;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "baton-webhook-"));
  sha = makeRepository(join(root, "widgets"));
  git = await startGitHttpServer(root, { version: 2 });
  forge = await startRecordingForge({ tokens: { [TOKEN]: "baton-bot" } });
  addCommit(forge.repository("acme/widgets"), { branch: "main", files: { ".baton/ci.yml": PIPELINE }, sha });
  vi.stubEnv("BATON_FORGE_HOSTS", forge.host);
  system = await startWholeSystem({ memory: true, watched: true });
  const address = { repository: "acme/widgets", apiUrl: forge.url, cloneUrl: `${git.url}/widgets` };
  const added = await system.client.call("addProject", {
    body: {
      name: "widgets",
      forge: { kind: "github", credentials: "token", ...address },
      secret: { kind: "token", token: TOKEN },
    },
  });
  secret = added.webhookSecret;
  await system.addRunner();
});
afterAll(async () => {
  await system.stop();
  await Promise.all([forge.stop(), git.close()]);
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

function makeRepository(folder: string): string {
  mkdirSync(join(folder, ".baton"), { recursive: true });
  const run = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], { cwd: folder }).toString();
  run("init", "-q", "-b", "main");
  writeFileSync(join(folder, ".baton/ci.yml"), PIPELINE);
  run("add", ".");
  run("commit", "-qm", "first");
  return run("rev-parse", "HEAD").trim();
}

const nowSeconds = () => Math.floor(systemClock.nowMs() / 1_000);
const push = (branch: string) => ({
  ref: `refs/heads/${branch}`,
  before: "0".repeat(40),
  after: sha,
  created: true,
  head_commit: { id: sha, message: "$(touch pwned)" },
  commits: [],
  repository: { full_name: "acme/widgets", pushed_at: nowSeconds() },
  sender: { login: "$(touch pwned)" },
});
const pull = (branch: string, number: number) => ({
  action: "opened",
  number,
  pull_request: {
    title: "$(touch pwned)`touch pwned`",
    body: "$(touch pwned)",
    updated_at: new Date(systemClock.nowMs()).toISOString(),
    head: { sha, ref: branch, repo: { id: 1 } },
    base: { sha, ref: "main", repo: { id: 1 } },
  },
  repository: { full_name: "acme/widgets" },
  sender: { login: "mallory" },
});

async function post(event: string, body: object, id = newDeliveryId()): Promise<Response> {
  const text = JSON.stringify(body);
  return fetch(`${system.stack().url}/v1/webhooks/github/widgets`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": id,
      "x-hub-signature-256": signatureOf(text, secret),
    },
    body: text,
  });
}

/** The run of a branch and an event, when it has ended. */
async function ended(event: string, branch: string) {
  return eventually(
    `the run of ${branch} ends`,
    async () => {
      const { runs } = await system.client.call("listRuns", { query: { project: "widgets", limit: 100 } });
      for (const { id, endedAtMs, source } of runs) {
        if (endedAtMs === undefined || source?.branch !== branch) continue;
        const { run } = await system.client.call("getRun", { params: { run: id } });
        if (run.trigger?.event === event) return run;
      }
      return undefined;
    },
    WITHIN_MS,
    100,
  );
}

async function logOf(run: string): Promise<string> {
  const { chunks } = await system.client.call("getLog", { params: { run, job: "tell" } });
  const parts = await Promise.all(chunks.map(async ({ url }) => Buffer.from(await (await fetch(url)).arrayBuffer())));
  return parts.map((part) => gunzipSync(part).toString()).join("");
}

describe("a signed push", () => {
  test("is answered within a second, and runs on a runner at its commit", async () => {
    const startedMs = systemClock.monotonicMs();
    const id = newDeliveryId();
    const answer = await post("push", push("main"), id);
    expect([answer.status, systemClock.monotonicMs() - startedMs < 1_000]).toEqual([202, true]);
    const run = await ended("push", "main");
    expect(run).toMatchObject({ state: "succeeded", source: { sha }, createdBy: "webhook:push" });
    const seen = await system.client.call("showDelivery", { params: { project: "widgets", delivery: id } });
    expect(seen.delivery).toMatchObject({
      state: "handled",
      decisions: [{ pipeline: ".baton/ci.yml", runId: run.id }],
    });
    expect(await logOf(run.id)).toContain("branch=main\ncopy=main\nevent=push\npull=none\nbase=none\n");
  });

  test("is shown in the forge as it goes on, and at its end within two seconds", async () => {
    const { statuses } = forge.repository("acme/widgets");
    const states = (from: number) => statuses.slice(from).map(({ context, state }) => `${context}: ${state}`);
    await eventually("the run before is shown", () => states(0).at(-1) === "ci.yml / tell: success", WITHIN_MS, 20);
    const before = statuses.length;
    await post("push", push("shown"));
    await ended("push", "shown");
    const endedMs = systemClock.monotonicMs();
    await eventually(
      "the forge shows the end",
      () => states(before).at(-1) === "ci.yml / tell: success",
      WITHIN_MS,
      20,
    );
    expect(systemClock.monotonicMs() - endedMs).toBeLessThan(2_000);
    expect(states(before)[0]).toBe("ci.yml / tell: pending");
    expect(statuses.every(({ sha: of }) => of === sha)).toBe(true);
  });

  test("posted 5 times at once runs once", async () => {
    const id = newDeliveryId();
    const answers = await Promise.all(Array.from({ length: 5 }, () => post("push", push("five"), id)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    await ended("push", "five");
    await post("push", push("five"), id);
    await post("push", push("five"));
    const { runs } = await system.client.call("listRuns", { query: { project: "widgets", limit: 100 } });
    expect(runs.filter(({ source }) => source?.branch === "five")).toHaveLength(1);
  });
});

describe("SECURITY 21: what a stranger names is text in a real shell, and never code", () => {
  test.each(HOSTILE)("a branch called %s", async (branch) => {
    await post("push", push(branch));
    const run = await ended("push", branch);
    expect(await logOf(run.id)).toContain(`branch=${branch}\ncopy=${branch}\nevent=push\n`);
    expect(run.state).toBe("succeeded");
  });

  test("a branch called like an option is no branch: nothing runs of it", async () => {
    const branch = `--upload-pack=touch${IFS}pwned`;
    await post("push", push(branch));
    const run = await ended("push", branch);
    expect(run.state).toBe("failed");
    expect(await logOf(run.id)).toContain("is no branch name");
  });

  test("a pull request of such a branch, with such a title", async () => {
    const branch = HOSTILE[1] ?? "";
    await post("pull_request", pull(branch, 7));
    const run = await ended("pull_request", branch);
    expect(await logOf(run.id)).toContain(`branch=${branch}\ncopy=${branch}\nevent=pull_request\npull=7\nbase=main\n`);
    expect(run.state).toBe("succeeded");
  });
});

describe("SECURITY 17: a body that is too large", () => {
  test("is refused by its announced length, before it is read", async () => {
    expect(await statusOf({ bytes: WEBHOOK_BODY_BYTES_MAX + 1_024 * 1_024, announced: true })).toBe(413);
  });
  test("is refused as soon as it is too long, where its length is not announced", async () => {
    expect(await statusOf({ bytes: WEBHOOK_BODY_BYTES_MAX + 1_024 * 1_024, announced: false })).toBe(413);
  });
  test("is read where it is as large as GitHub's may be; its signature still decides", async () => {
    expect(await statusOf({ bytes: WEBHOOK_BODY_BYTES_MAX, announced: true })).toBe(401);
  });
  test("has another limit on every other route", async () => {
    expect(await statusOf({ bytes: 2 * 1_024 * 1_024, announced: true, path: "/v1/runs" })).toBe(413);
  });
});

/** The answer to a body of so many bytes, sent piece by piece. */
function statusOf(options: { bytes: number; announced: boolean; path?: string }): Promise<number | undefined> {
  const url = new URL(options.path ?? "/v1/webhooks/github/widgets", system.stack().url);
  const headers = {
    "content-type": "application/json",
    "x-github-event": "push",
    "x-github-delivery": newDeliveryId(),
    ...(options.announced ? { "content-length": options.bytes } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    // The answer may come, and the connection close, before all is sent.
    sent.on("error", reject);
    const piece = Buffer.alloc(64 * 1_024, " ");
    let left = options.bytes;
    const write = (): void => {
      while (left > 0) {
        const size = Math.min(left, piece.length);
        left -= size;
        if (!sent.write(piece.subarray(0, size))) {
          sent.once("drain", write);
          return;
        }
      }
      sent.end();
    };
    write();
  });
}

test("SECURITY 9: no function needed a right that its role does not have", () => {
  const { missing, functions } = missingRights(system.stateDir);
  expect(missing).toEqual([]);
  expect(functions).toBeGreaterThanOrEqual(5);
});
