// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { describe, expect, test } from "vitest";
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

test("without a source there is no commit, and the plan says where one was wanted", () => {
  const text = "jobs:\n  a:\n    name: ${git.sha}\n    run: x\n    env:\n      B: ${git.branch}\n";
  const { pipeline } = parsePipeline(text, "ci.yml");
  if (pipeline === undefined) throw new Error("no pipeline");
  const without = planPipeline(pipeline, { runId: RUN.runId });
  expect(without.plan).toBeUndefined();
  expect(without.problems.map(printProblem)).toEqual(["ci.yml:3:11: ${git.sha} has no value: this run has no source"]);
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
])("%s that a branch makes wrong is a problem of the plan", (_title, line, branch, message) => {
  const { pipeline, problems } = parsePipeline(`jobs:\n  a:\n    run: x\n    ${line}\n`, "ci.yml");
  expect(problems).toEqual([]);
  if (pipeline === undefined) throw new Error("no pipeline");
  expect(planPipeline(pipeline, { ...RUN, branch }).problems.map((problem) => problem.message)).toEqual([message]);
});

describe("case C15: what comes from outside never keeps a plan from being made", () => {
  const planWith = (lines: string, run: Partial<typeof RUN> & { readonly tag?: string }) => {
    const { pipeline, problems } = parsePipeline(`on: {push: {branches: "**", tags: "**"}}\n${lines}\n`, "ci.yml");
    expect(problems).toEqual([]);
    if (pipeline === undefined) throw new Error("no pipeline");
    const { plan } = planPipeline(pipeline, { ...RUN, ...run });
    if (plan === undefined) throw new Error("no plan");
    return plan;
  };
  const NAMED =
    "pipeline: P ${git.branch}\njobs:\n  a: {name: 'Test ${git.branch}', steps: [{name: '${git.branch}', run: x}]}";
  const namesOf = (plan: ReturnType<typeof planWith>) => [
    plan.pipeline,
    plan.jobs[0]?.spec.name,
    plan.jobs[0]?.spec.steps[0]?.name,
  ];

  test("a long branch is cut in names, and two that begin alike keep two names", () => {
    const [one, two] = ["x", "y"].map((end) => planWith(NAMED, { branch: `${"b".repeat(250)}${end}` }));
    if (one === undefined || two === undefined) throw new Error("no plans");
    for (const name of [...namesOf(one), ...namesOf(two)]) expect(name).toMatch(/^.{119}…[0-9a-f]{8}$/);
    expect(namesOf(one)[1]).toMatch(/^Test b{114}…/);
    expect(new Set([...namesOf(one), ...namesOf(two)]).size).toBe(6);
    expect(namesOf(planWith(NAMED, { branch: "b".repeat(123) }))[1]).toBe(`Test ${"b".repeat(123)}`);
  });

  test("a branch of emoji is cut between characters, control characters are replaced", () => {
    for (const name of namesOf(planWith(NAMED, { branch: "😀".repeat(100) }))) {
      expect(name?.isWellFormed()).toBe(true);
      expect(name?.length).toBeLessThanOrEqual(128);
    }
    expect(namesOf(planWith(NAMED, { branch: "a\u001b[31mb" }))[2]).toBe("a\ufffd[31mb");
  });

  test("a tag has no branch: it is empty there, and a name of nothing is the default one", () => {
    const plan = planWith(NAMED, { branch: undefined, tag: "v1" });
    expect(namesOf(plan)).toEqual(["P", "Test", "step 1"]);
    expect(
      planWith("jobs: {a: {name: '${git.branch}${git.tag}', run: x}}", { branch: undefined, tag: "v1" }),
    ).toMatchObject({
      jobs: [{ spec: { name: "v1" } }],
    });
  });

  test("what needs a branch is a problem at once where tags start the pipeline, and none where they do not", () => {
    const jobs = "jobs: {a: {run: x, pool: '${git.branch}'}}\n";
    expect(parsePipeline(jobs, "ci.yml").problems).toEqual([]);
    expect(parsePipeline(`on: {push: {tags: "v*"}}\n${jobs}`, "ci.yml").problems.map(printProblem)).toEqual([
      'ci.yml:2:26: jobs.a.pool: "" is not a pool: a pool name is 1 to 64 letters, digits, . _ or -; on.push.tags starts it for tags, of which git.branch is empty',
    ]);
  });

  test("a folder or pool that is named for a tag is a problem at once where no tag starts the pipeline, and none where tags alone do", () => {
    const jobs = "jobs: {a: {steps: [{run: x, workdir: '${git.tag}'}], artifacts: {paths: '${git.tag}'}}}\n";
    expect(parsePipeline(`on: {push: {tags: "v*"}}\n${jobs}`, "ci.yml").problems).toEqual([]);
    for (const on of ["push", "{push: {branches: main, tags: 'v*'}}", "{push: {tags: 'v*'}, pull_request: }", "manual"])
      expect(parsePipeline(`on: ${on}\n${jobs}`, "ci.yml").problems.map(printProblem)).toEqual([
        'ci.yml:2:38: jobs.a.steps[0].workdir: "" must not be empty; what starts it is no tag, so git.tag is empty',
        'ci.yml:2:73: jobs.a.artifacts.paths: "" must not be empty; what starts it is no tag, so git.tag is empty',
      ]);
  });

  test.each(["x+(y)", "{a,b}", "(a|b)", "a@(b)", "!x"])(
    "a branch in an artifact path is text, also by way of variables: %s",
    (branch) => {
      const direct = "jobs: {a: {run: x, artifacts: {paths: 'out/${git.branch}/**'}}}";
      const lines =
        "env: {B: '${git.branch}', P: 'out/${env.B}'}\njobs: {a: {run: x, env: {Q: '${env.P}'}, artifacts: {paths: '${env.Q}/**'}}}";
      const pathsOf = (text: string) => planWith(text, { branch }).jobs[0]?.spec.artifacts.paths;
      expect(pathsOf(lines)).toEqual(pathsOf(direct));
      expect(planWith(lines, { branch }).jobs[0]?.spec.env).toMatchObject({ Q: `out/${branch}` });
    },
  );

  test("a branch in an artifact path is text, whatever signs it has", () => {
    const plan = planWith("jobs: {a: {run: x, artifacts: {paths: 'out/${git.branch}/**'}}}", {
      branch: "!x+(y)*{a,b}".replace("*", ""),
    });
    expect(plan.jobs[0]?.spec.artifacts.paths).toEqual(["out/[!]x+[(]y[)][{]a,b[}]/**"]);
  });
});
