import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { startGitHttpServer } from "../../support/git-http-server.ts";
import { addCommit } from "../../support/recording-forge/state.ts";
import { startRecordingForge } from "../../support/recording-forge.ts";
import { RECOVERY_MS, type Scenario, type Stage } from "./stage.ts";

/** Webhooks the whole way: a signed push in, a run on a runner, statuses out. Needs a Baton that may call our forge. */

const TOKEN = "ghp_0123456789abcdefghijklmnop";
const PROJECT = "widgets";
const REPOSITORY = "acme/widgets";
const PIPELINE = "on: {push: {}}\njobs: {build: {run: 'echo the build of $BATON_BRANCH'}}\n";
const LOOK_MS = 200;

export const signedPush = (forgePort: number): Scenario => ({
  title:
    "a signed push becomes one run, however often it comes; statuses arrive; what is not signed right does nothing",
  async play(stage) {
    stage.commit({ ".baton/ci.yml": PIPELINE });
    const sha = execFileSync("git", ["rev-parse", "HEAD"], { cwd: stage.place.project, encoding: "utf8" }).trim();
    const git = await startGitHttpServer(join(stage.place.project, ".."), { version: 2 });
    const forge = await startRecordingForge({ port: forgePort, tokens: { [TOKEN]: "baton-bot" } });
    try {
      const repository = forge.repository(REPOSITORY);
      addCommit(repository, { branch: "trunk", files: { ".baton/ci.yml": PIPELINE }, sha });
      const secret = await addProject(stage, forge.url, `${git.url}/project`);
      await stage.runner();
      const text = JSON.stringify(pushOf(sha));
      equal(await post(stage, text, "not the secret", randomUUID()), 401);
      equal(await post(stage, text.replace("trunk", "other"), secret, randomUUID(), text), 401);
      const id = randomUUID();
      const answers = await Promise.all(Array.from({ length: 5 }, () => post(stage, text, secret, id)));
      deepEqual(answers, [202, 202, 202, 202, 202]);
      const run = await eventually("the run of the push", () => newestRun(stage), RECOVERY_MS, LOOK_MS);
      await stage.runBecomes(run, "succeeded");
      match((await stage.baton("runs", "logs", run, "build").ended).stdout, /the build of trunk\n/);
      const isTold = () => repository.statuses.some((status) => status.sha === sha && status.state === "success");
      await eventually("the commit's status is success", isTold, RECOVERY_MS, LOOK_MS);
      // The same push under another id, as a redelivery by hand.
      equal(await post(stage, text, secret, randomUUID()), 202);
      const { runs } = await stage.client.call("listRuns", { query: { project: PROJECT, limit: 10 } });
      deepEqual(
        runs.map((one) => one.id),
        [run],
      );
    } finally {
      await Promise.all([forge.stop(), git.close()]);
    }
  },
});

async function addProject({ client }: Stage, apiUrl: string, cloneUrl: string): Promise<string> {
  const forge = { kind: "github", credentials: "token", repository: REPOSITORY, apiUrl, cloneUrl } as const;
  const reports = { mode: "statuses" } as const;
  const body = { name: PROJECT, forge, reports, secret: { kind: "token", token: TOKEN } } as const;
  return (await client.call("addProject", { body })).webhookSecret;
}

const pushOf = (sha: string) => ({
  ref: "refs/heads/trunk",
  before: "0".repeat(40),
  after: sha,
  created: true,
  head_commit: { id: sha, message: "first" },
  commits: [],
  repository: { full_name: REPOSITORY, pushed_at: Math.floor(systemClock.nowMs() / 1_000) },
  sender: { login: "somebody" },
});

/** The status of a delivery; `signed` is what the signature is of, the text itself where absent. */
async function post({ target }: Stage, text: string, secret: string, id: string, signed = text): Promise<number> {
  const answer = await fetch(`${target.url}/v1/webhooks/github/${PROJECT}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-github-delivery": id,
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(signed).digest("hex")}`,
    },
    body: text,
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function newestRun({ client }: Stage): Promise<string | undefined> {
  const { runs } = await client.call("listRuns", { query: { project: PROJECT, limit: 10 } });
  return runs[0]?.id;
}
