import { expect, test } from "vitest";
import { type StepContext, stepEnvironment } from "../../../runner/step-environment.ts";

const context: StepContext = {
  host: { path: "/bin", lang: "C.UTF-8", user: "ci", passed: { PROXY: "host", A: "passed" }, outerCookie: undefined },
  granted: {
    fence: 3,
    leaseToken: "lease-token",
    ttlMs: 1,
    heartbeatMs: 1,
    hardDeadlineInMs: 1,
    timeoutMs: 1,
    runId: "run_00000000000000000000000001",
    jobId: "build",
    project: "shop",
    pipeline: "ci",
    attempt: 2,
    spec: {
      name: "Build it",
      steps: [],
      env: { A: "job", B: "job", BATON_FENCE: "99" },
      secrets: ["KEY"],
      timeoutMs: 1,
      artifacts: { paths: [], from: [] },
    },
    source: { kind: "git", url: "/repo", sha: "a".repeat(40), branch: "$(reboot)" },
    secrets: ["KEY"],
    firstLogUpload: { method: "PUT", url: "http://signed", headers: {} },
    watched: false,
  },
  folders: { workspace: "/w", home: "/h", temporary: "/t", scripts: "/x" },
  secrets: { KEY: "value" },
  cookie: "run/job/3/random",
};
const step = { name: "s", run: "true", env: { B: "step", KEY: "forged", BATON_ATTEMPT: "forged" } };

test("the step's word overrules the job's, that the operator's, and secrets and Baton overrule all", () => {
  expect(stepEnvironment(context, step)).toEqual({
    PATH: "/bin",
    LANG: "C.UTF-8",
    USER: "ci",
    LOGNAME: "ci",
    HOME: "/h",
    TMPDIR: "/t",
    CI: "true",
    PROXY: "host",
    A: "job",
    B: "step",
    KEY: "value",
    BATON: "true",
    BATON_RUN_ID: "run_00000000000000000000000001",
    BATON_JOB_ID: "build",
    BATON_JOB_NAME: "Build it",
    BATON_FENCE: "3",
    BATON_ATTEMPT_NUMBER: "2",
    BATON_PROJECT: "shop",
    BATON_PIPELINE: "ci",
    BATON_WORKSPACE: "/w",
    BATON_SHA: "a".repeat(40),
    BATON_BRANCH: "$(reboot)",
    BATON_ATTEMPT: "run/job/3/random",
  });
});

test("neither the lease token nor a signed link is in it", () => {
  expect(JSON.stringify(stepEnvironment(context, step))).not.toMatch(/lease-token|signed/);
});

test("an attempt inside an attempt keeps the outer cookie, so that ending the outer ends it too", () => {
  const inner = { ...context, host: { ...context.host, outerCookie: "outer/1" } };
  expect(stepEnvironment(inner, step)["BATON_ATTEMPT"]).toBe("outer/1 run/job/3/random");
});
