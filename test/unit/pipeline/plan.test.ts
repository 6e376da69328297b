// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { POOL_DEFAULT, planSchema } from "../../../shared/domain/plan.ts";
import { decide } from "../../../shared/domain/predicate.ts";
import { parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import { planPipeline } from "../../../shared/pipeline/plan-pipeline.ts";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { DEFAULT_POOLS } from "../../../shared/resources.ts";
import { jobOf, planOf, RUN } from "./plan-of.ts";

test("a job that says nothing but what to run gets every default", () => {
  expect(planOf("jobs:\n  build:\n    run: make\n")).toEqual({
    pipeline: "ci",
    jobs: [
      {
        id: "build",
        pool: "default",
        checks: [],
        allowFailure: false,
        retries: { failed: 0, lost: 3 },
        spec: {
          name: "build",
          steps: [{ name: "run", run: "make", env: {} }],
          env: {},
          secrets: [],
          timeoutMs: 3_600_000,
          artifacts: { paths: [], from: [] },
        },
      },
    ],
  });
});

const FULL = `
pipeline: release of \${git.branch}
on:
  push: {branches: [main, "release/*"], tags: v*, paths: ["src/**", "!docs/**"]}
  pull_request:
  schedule: [{cron: "30 4 * * mon-fri", branch: main}]
  manual: true
env:
  REGION: eu
  STRICT: true
  NODE: 1.10
jobs:
  build:
    run: |
      make
    artifacts: {paths: "dist/\${env.REGION}/**"}
  deploy:
    name: Deploy to \${env.REGION}
    needs: build
    pool: \${env.REGION}-deploy
    shell: bash
    timeout: 1h30m
    retries: {failed: 2, lost: 5}
    artifacts: {paths: [], from: build}
    checks: [deployed]
    allow_failure: true
    secrets: [TOKEN]
    env: {TARGET: "\${env.REGION}-\${run.id}"}
    steps:
      - run: echo one
      - name: Second of \${env.STEP}
        run: echo two
        env: {STEP: "\${env.TARGET}"}
        workdir: dist/\${env.REGION}
        timeout: 90s
        shell: sh
`;

test("every key of the language arrives in the plan, resolved, and the plan is what the control plane accepts", () => {
  const plan = planOf(FULL);
  expect(planSchema.parse(plan)).toEqual(plan);
  expect(plan.pipeline).toBe("release of main");
  expect(plan.jobs[0]?.spec.env).toEqual({ REGION: "eu", STRICT: "true", NODE: "1.10" });
  expect(plan.jobs[0]?.spec.artifacts.paths).toEqual(["dist/eu/**"]);
  const target = `eu-${RUN.runId}`;
  expect(plan.jobs[1]).toEqual({
    id: "deploy",
    pool: "eu-deploy",
    needs: { atLeast: 1, of: [{ need: "build" }] },
    checks: ["deployed"],
    allowFailure: true,
    retries: { failed: 2, lost: 5 },
    spec: {
      name: "Deploy to eu",
      steps: [
        { name: "step 1", run: "echo one", env: {}, shell: "bash" },
        {
          name: `Second of ${target}`,
          run: "echo two",
          env: { STEP: target },
          workdir: "dist/eu",
          timeoutMs: 90_000,
          shell: "sh",
        },
      ],
      env: { REGION: "eu", STRICT: "true", NODE: "1.10", TARGET: target },
      secrets: ["TOKEN"],
      timeoutMs: 5_400_000,
      artifacts: { paths: [], from: ["build"] },
    },
  });
});

test("triggers are kept in the definition, in their long and their short forms", () => {
  const { pipeline } = parsePipeline(FULL, "ci.yml");
  expect(pipeline?.on).toEqual({
    push: { branches: ["main", "release/*"], tags: ["v*"], paths: ["src/**", "!docs/**"] },
    pullRequest: { branches: [], paths: [] },
    schedule: [{ cron: "30 4 * * mon-fri", branch: "main" }],
    manual: true,
  });
  const short = parsePipeline("on: [push, manual]\njobs: {a: {run: x}}\n", "ci.yml").pipeline;
  expect(short?.on).toEqual({
    push: { branches: [], tags: [], paths: [] },
    pullRequest: undefined,
    schedule: [],
    manual: true,
  });
});

test("jobs keep the order of the file, whatever needs what", () => {
  const plan = planOf("jobs:\n  c: {run: x, needs: [b, a]}\n  a: {run: x}\n  b: {run: x, needs: a}\n");
  expect(plan.jobs.map((job) => job.id)).toEqual(["c", "a", "b"]);
  expect(plan.jobs[0]?.needs).toEqual({ atLeast: 2, of: [{ need: "b" }, { need: "a" }] });
});

test("artifacts may come from a job that is needed through another", () => {
  const text = `jobs:
  a: {run: x, artifacts: {paths: out}}
  b: {run: x, needs: a}
  c: {run: x, needs: b, artifacts: {from: a}}
`;
  expect(jobOf(text, "c").spec.artifacts.from).toEqual(["a"]);
});

test.each([
  ["a number of retries is the user's budget", "retries: 2", { retries: { failed: 2, lost: 3 } }],
  ["a loss budget leaves the user's alone", "retries: {lost: 0}", { retries: { failed: 0, lost: 0 } }],
  ["a pool may be named", "pool: gpu.large-1", { pool: "gpu.large-1" }],
  ["a job with a check of its own name may share it", "checks: [a]", { checks: ["a"] }],
])("%s", (_title, line, expected) => {
  expect(jobOf(`jobs:\n  a:\n    run: x\n    ${line}\n`, "a")).toMatchObject(expected);
});

test.each(["true", "false"])("the command %s is a script, though YAML takes it for a boolean", (word) => {
  expect(jobOf(`jobs: {a: {run: ${word}}}\n`, "a").spec.steps[0]?.run).toBe(word);
});

test("aliases and << share settings, and what a job writes itself wins", () => {
  const text = `jobs:
  a: &base
    run: make
    pool: big
    retries: 1
  b:
    <<: *base
    pool: small
`;
  expect(jobOf(text, "b")).toMatchObject({ pool: "small", retries: { failed: 1 } });
});

test("CRLF line ends, a byte order mark and names in any script are read", () => {
  const text = "\ufeffpipeline: テスト ✓\njobs:\n  a:\n    run: |\n      echo ä\n      echo 2\n".replaceAll(
    "\n",
    "\r\n",
  );
  const plan = planOf(text);
  expect(plan.pipeline).toBe("テスト ✓");
  expect(plan.jobs[0]?.spec.steps[0]?.run).toBe("echo ä\necho 2\n");
});

test("a pipeline without a name takes its file's", () => {
  const text = "jobs: {a: {run: x}}\n";
  expect(planOf(text, RUN, "/repo/.baton/night.ly.yml").pipeline).toBe("night.ly");
  expect(planOf(text, RUN, "${run.id}.yml").pipeline).toBe("${run.id}");
  expect(planOf(text, RUN, "").pipeline).toBe("pipeline");
});

test("the default pool is one that exists without being asked for", () => {
  expect(DEFAULT_POOLS).toContain(POOL_DEFAULT);
});

test("a job may have a name that every object inherits", () => {
  const job = jobOf("jobs:\n  constructor: {run: x}\n  b: {run: x, needs: constructor}\n", "b");
  if (job.needs === undefined) throw new Error("no needs");
  expect(decide(job.needs, {})).toBe("undecided");
  expect(decide(job.needs, { constructor: "passed" })).toBe("met");
});

test("without a source, git has no value, and the plan says where one was wanted", () => {
  const text = "jobs:\n  a:\n    name: ${git.sha}\n    run: x\n    env:\n      B: ${git.branch}\n";
  const { pipeline } = parsePipeline(text, "ci.yml");
  if (pipeline === undefined) throw new Error("no pipeline");
  const without = planPipeline(pipeline, { runId: RUN.runId });
  expect(without.plan).toBeUndefined();
  expect(without.problems.map(printProblem)).toEqual([
    "ci.yml:3:11: ${git.sha} has no value: this run has no source",
    "ci.yml:6:10: ${git.branch} has no value: this run's source names no branch",
  ]);
});

test.each([
  [
    "a pool",
    "pool: ${git.branch}",
    "a b",
    'jobs.a.pool: "a b" is not a pool: a pool name is 1 to 64 letters, digits, . _ or -',
  ],
  [
    "a path",
    "artifacts: {paths: 'out/${git.branch}/x'}",
    "../..",
    'jobs.a.artifacts.paths: "out/../../x" must stay in the workspace: it contains ..',
  ],
  [
    "a name",
    "name: ${git.branch}",
    "a\u001b[31mb",
    'jobs.a.name: "a\\u001b[31mb" must be one line without control characters',
  ],
  [
    "a name's length",
    "name: ${git.branch}",
    "b".repeat(129),
    `jobs.a.name: "${"b".repeat(80)}…" has 129 characters; 128 are allowed (NAME_LENGTH_MAX)`,
  ],
])("%s that a branch makes wrong is a problem of the plan", (_title, line, branch, message) => {
  const { pipeline, problems } = parsePipeline(`jobs:\n  a:\n    run: x\n    ${line}\n`, "ci.yml");
  expect(problems).toEqual([]);
  if (pipeline === undefined) throw new Error("no pipeline");
  expect(planPipeline(pipeline, { ...RUN, branch }).problems.map((problem) => problem.message)).toEqual([message]);
});
