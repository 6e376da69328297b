// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";

const printed = (text: string): string[] => validateText(text, "ci.yml").map(printProblem);

test("a file with six different mistakes shows six messages, each at its place, in file order", () => {
  const text = `pipeline: demo
jobs:
  build:
    run: make
    timout: 10m
    timeout: 90
  test:
    needs: [biuld]
    run: npm test
    pool: \${git.brunch}
    artifacts: {paths: [../out]}
  deploy:
    needs: test
    run: ./deploy
    steps: [{run: ./deploy}]
`;
  expect(printed(text)).toEqual([
    'ci.yml:5:5: unknown key "timout" in jobs.build (did you mean "timeout"?)',
    'ci.yml:6:14: jobs.build.timeout must be a duration such as 90s, 10m or 1h30m, not "90" (did you mean "90s"?)',
    'ci.yml:8:13: jobs.test needs "biuld", which is not a job (did you mean "build"?)',
    'ci.yml:10:11: "${git.brunch}" is not known; there are run.id, git.sha, git.branch, git.tag and env.NAME (did you mean "git.branch"?)',
    'ci.yml:11:25: jobs.test.artifacts.paths: "../out" must stay in the workspace: it contains ..',
    'ci.yml:15:5: jobs.deploy has both "run" and "steps"; only one can stand',
  ]);
});

const job = (lines: string): string => `jobs:\n  a:\n    run: x\n    ${lines}\n`;
const ok = "jobs: {a: {run: x}}\n";

const MISTAKES: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  ["an empty file", "", '1:1: the file is empty: a pipeline needs "jobs"'],
  ["a file of comments", "# later\n", '1:1: the file is empty: a pipeline needs "jobs"'],
  ["a list at the top", "- a\n", "1:1: the file must be a map with pipeline, on, supersede, env or jobs, not a list"],
  ["no jobs", "pipeline: x\n", '1:1: the file needs "jobs"'],
  ["jobs without a value", "jobs:\n", "1:1: jobs must be a map of jobs by id, not nothing"],
  ["no job in jobs", "jobs: {}\n", "1:7: jobs needs at least one job"],
  ["an unknown key at the top", `${ok}job: 1\n`, '2:1: unknown key "job" in the file (did you mean "jobs"?)'],
  ["a key written twice", job("run: y"), '4:5: "run" is written twice; the first is on line 3'],
  ["a job written twice", "jobs:\n  a: {run: x}\n  a: {run: y}\n", '3:3: "a" is written twice; the first is on line 2'],
  ["two documents", `${ok}---\n${ok}`, "2:1: the file has more than one document: one file is one pipeline"],
  ["a tab as indentation", "jobs:\n\ta: {run: x}\n", "2:1: a tab cannot indent YAML; use spaces"],
  [
    "a tag",
    job("name: !shout hi"),
    "4:11: a value that begins with ! is a tag, and tags are not read; quote it: '!shout hi'",
  ],
  ["YAML 1.1", `%YAML 1.1\n---\n${ok}`, "1:1: only YAML 1.2 is read"],
  ["a key that is a list", "jobs:\n  b: {run: x}\n  ? [a]\n  : {run: x}\n", "3:5: a key must be a plain word"],
  [
    "an alias of nothing",
    job("env: *shared"),
    `4:10: no anchor "shared" stands before this alias; if it is text, quote it: '*shared'`,
  ],
  ["an alias inside its anchor", job("env: &e {A: *e}"), '4:17: the alias "e" stands inside the value that it names'],

  [
    "a job id with a space",
    "jobs: {my job: {run: x}}\n",
    '1:8: "my job": a job id is 1 to 64 letters, digits, _ or -, and starts with a letter or a digit',
  ],
  [
    "a job id that is no data key",
    "jobs: {__proto__: {run: x}}\n",
    '1:8: "__proto__": a job id is 1 to 64 letters, digits, _ or -, and starts with a letter or a digit',
  ],
  [
    "a job that is text",
    "jobs:\n  a: make\n",
    "2:6: jobs.a must be a map with name, needs, run, steps, shell, env, pool, timeout, retries, artifacts, checks, allow_failure or secrets, not text",
  ],
  ["a job without work", "jobs:\n  a: {name: x}\n", '2:3: jobs.a has nothing to do: it needs "run" or "steps"'],
  ["an empty script", "jobs:\n  a:\n    run: ''\n", "3:10: jobs.a.run must not be empty"],
  [
    "a script that is a list",
    "jobs:\n  a:\n    run: [x]\n",
    "3:10: jobs.a.run must be text, not a list; if it is text, quote it: '[x]'",
  ],
  [
    "a script that is a number",
    "jobs:\n  a:\n    run: 7\n",
    "3:10: jobs.a.run must be text, not a number; quote it if you mean it",
  ],
  ["no steps", "jobs:\n  a:\n    steps: []\n", "3:12: jobs.a.steps needs at least one step"],
  ["a step without a script", "jobs:\n  a:\n    steps: [{name: x}]\n", '3:13: jobs.a.steps[0] needs "run"'],
  [
    "an unknown key of a step",
    "jobs:\n  a:\n    steps: [{run: x, workDir: y}]\n",
    '3:22: unknown key "workDir" in jobs.a.steps[0] (did you mean "workdir"?)',
  ],
  [
    "keys that other systems have and Baton has not",
    "when: {event: push}\njobs:\n  a:\n    strategy: {matrix: {node: [18]}}\n    steps: [{uses: actions/checkout@v4, run: x}]\n",
    '1:1: unknown key "when" in the file; there are no conditions: "on" says what starts a run, and a script tests all else',
    '4:5: unknown key "strategy" in jobs.a; there are no matrices: write a job for each, which may share settings by an anchor (&, <<)',
    '5:14: unknown key "uses" in jobs.a.steps[0]; there are no actions: the commit is checked out already; write a script in "run"',
  ],
  [
    "steps outside of a job",
    `${ok}steps: [{run: x}]\n`,
    '2:1: unknown key "steps" in the file; they stand in a job: jobs: {build: {steps: […]}}',
  ],
  [
    "a shell with arguments",
    job("shell: bash -x"),
    "4:12: jobs.a.shell must be the name or path of one program, without arguments or interpolation",
  ],
  [
    "a shell that is interpolated",
    job('shell: "${env.S}"'),
    "4:12: jobs.a.shell must be the name or path of one program, without arguments or interpolation",
  ],

  [
    "a timeout without a unit",
    job("timeout: 5"),
    '4:14: jobs.a.timeout must be a duration such as 90s, 10m or 1h30m, not "5" (did you mean "5s"?)',
  ],
  [
    "a timeout in words",
    job("timeout: soon"),
    '4:14: jobs.a.timeout must be a duration such as 90s, 10m or 1h30m, not "soon"',
  ],
  [
    "a timeout of nothing",
    job("timeout: 0s"),
    '4:14: jobs.a.timeout must be from 1s to 24h (JOB_TIMEOUT_MAX_MS), not "0s"',
  ],
  [
    "a timeout of days",
    job("timeout: 25h"),
    '4:14: jobs.a.timeout must be from 1s to 24h (JOB_TIMEOUT_MAX_MS), not "25h"',
  ],
  [
    "a step longer than its job",
    "jobs:\n  a:\n    timeout: 1m\n    steps: [{run: x, timeout: 90s}]\n",
    "4:13: the step may take 1m30s, but its job, jobs.a, ends after 1m",
  ],
  [
    "too many retries",
    job("retries: 11"),
    '4:14: jobs.a.retries must be a whole number from 0 to 10 (RETRIES_MAX), not "11"',
  ],
  [
    "half a retry",
    job("retries: {failed: 0.5}"),
    '4:23: jobs.a.retries.failed must be a whole number from 0 to 10 (RETRIES_MAX), not "0.5"',
  ],
  [
    "a boolean in words",
    job("allow_failure: yes"),
    '4:20: jobs.a.allow_failure must be true or false, not "yes" (did you mean "true"?)',
  ],

  ["a need that is a map", job("needs: {b: 1}"), "4:12: jobs.a.needs must be a word or a list of words, not a map"],
  [
    "a need named twice",
    "jobs:\n  a: {run: x}\n  b: {run: x, needs: [a, a]}\n",
    '3:26: "a" stands twice in jobs.b.needs',
  ],
  [
    "a job that cannot be read is reported once, and not by those that need it",
    "jobs:\n  a: make\n  b: {run: x, needs: a, artifacts: {from: a}}\n",
    "2:6: jobs.a must be a map with name, needs, run, steps, shell, env, pool, timeout, retries, artifacts, checks, allow_failure or secrets, not text",
  ],
  ["a job that needs itself", job("needs: a"), '4:12: the job "a" needs itself'],
  [
    "a circle of two",
    "jobs:\n  a: {run: x, needs: b}\n  b: {run: x, needs: a}\n",
    "3:22: jobs need each other in a circle: a → b → a",
  ],
  [
    "artifacts of an unknown job",
    job("artifacts: {from: b}"),
    '4:23: jobs.a takes artifacts from "b", which is not a job',
  ],
  [
    "artifacts of a job that it does not need",
    "jobs:\n  a: {run: x, artifacts: {paths: o}}\n  b: {run: x, artifacts: {from: a}}\n",
    '3:33: jobs.b takes artifacts from "a", but does not need it',
  ],
  [
    "artifacts of a job that makes none",
    "jobs:\n  a: {run: x}\n  b: {run: x, needs: a, artifacts: {from: a}}\n",
    '3:43: jobs.b takes artifacts from "a", which has no artifacts.paths',
  ],
  [
    "an absolute artifact",
    job("artifacts: {paths: /etc/passwd}"),
    '4:24: jobs.a.artifacts.paths: "/etc/passwd" must be relative to the workspace: it starts with /',
  ],
  [
    "an artifact that climbs out",
    job("artifacts: {paths: a/../../b}"),
    '4:24: jobs.a.artifacts.paths: "a/../../b" must stay in the workspace: it contains ..',
  ],
  [
    "an artifact that climbs out in braces",
    job('artifacts: {paths: "{.,..}/b"}'),
    '4:24: jobs.a.artifacts.paths: "{.,..}/b" must stay in the workspace: it contains ..',
  ],
  [
    "an excluded artifact that climbs out",
    job('artifacts: {paths: [out, "!../b"]}'),
    '4:30: jobs.a.artifacts.paths: "!../b" must stay in the workspace: it contains ..',
  ],
  [
    "an artifact with more wildcards than can be matched in time",
    job('artifacts: {paths: "out/*a*a*a*b"}'),
    '4:24: jobs.a.artifacts.paths: "out/*a*a*a*b" has 4 wildcards in one part of the path; 3 are allowed (WILDCARDS_PER_PART_MAX)',
  ],
  [
    "an artifact with more folders of any depth than can be matched in time",
    job('artifacts: {paths: "**/a/**/a/**/a/**"}'),
    '4:24: jobs.a.artifacts.paths: "**/a/**/a/**/a/**" has 4 times **; 3 are allowed (WILDCARDS_PER_PART_MAX)',
  ],
  [
    "an artifact with a repeated group",
    job('artifacts: {paths: "+(*a)*b"}'),
    '4:24: jobs.a.artifacts.paths: "+(*a)*b" must not repeat a group with +( or *(',
  ],
  [
    "a workdir that climbs out",
    "jobs:\n  a:\n    steps: [{run: x, workdir: ..}]\n",
    '3:31: jobs.a.steps[0].workdir: ".." must stay in the workspace: it contains ..',
  ],
  [
    "a workdir at home",
    "jobs:\n  a:\n    steps: [{run: x, workdir: ~/x}]\n",
    '3:31: jobs.a.steps[0].workdir: "~/x" must be relative to the workspace: it starts with ~',
  ],

  [
    "a reserved variable",
    job("env: {BATON_SHA: x}"),
    '4:11: "BATON_SHA" is reserved: Baton sets BATON and BATON_* itself',
  ],
  [
    "a variable with a dash",
    job("env: {MY-VAR: x}"),
    '4:11: "MY-VAR" is not a variable\'s name: 1 to 128 letters, digits or _, not starting with a digit',
  ],
  ["a variable that is no data key", job("env: {__proto__: x}"), '4:11: "__proto__" is reserved'],
  ["a variable without a value", job("env: {A: }"), '4:11: jobs.a.env."A" must be text, not nothing'],
  ["a variable with a NUL", job('env: {A: "x\\0y"}'), '4:14: the value of "A" must not contain a NUL character'],
  ["env as a list", job("env: [A=1]"), "4:10: jobs.a.env must be a map of variables, not a list"],
  [
    "a reserved secret",
    job("secrets: BATON_TOKEN"),
    '4:14: the secret "BATON_TOKEN" is reserved: Baton sets BATON and BATON_* itself',
  ],
  [
    "a secret that env sets too",
    job("env: {T: x}\n    secrets: T"),
    '5:14: "T" is both a secret of jobs.a and set in env',
  ],
  [
    "a check with a space",
    job('checks: "unit tests"'),
    '4:13: "unit tests": a check id is 1 to 64 letters, digits, . _ or -',
  ],
  [
    "a check that another job answers alone",
    "jobs:\n  a: {run: x}\n  b: {run: x, checks: a}\n",
    '3:23: the check "a" is answered by the job of that name alone; write "checks: a" in that job too',
  ],
  [
    "a pool with a space",
    job("pool: big one"),
    '4:11: jobs.a.pool: "big one" is not a pool: a pool name is 1 to 64 letters, digits, . _ or -',
  ],
  [
    "a name of two lines",
    job('name: "a\\nb"'),
    '4:11: jobs.a.name: "a\\nb" must be one line without control characters',
  ],
  [
    "a name that is too long",
    job(`name: ${"n".repeat(129)}`),
    `4:11: jobs.a.name: "${"n".repeat(80)}…" has 129 characters; 128 are allowed (NAME_LENGTH_MAX)`,
  ],

  [
    "a reference that is not closed",
    job('name: "a ${run.id"'),
    "4:11: a ${ is not closed by }; write $${ for the characters themselves",
  ],
  [
    "an unknown reference",
    job('name: "${run.number}"'),
    '4:11: "${run.number}" is not known; there are run.id, git.sha, git.branch, git.tag and env.NAME',
  ],
  [
    "an unset variable",
    `env: {REGION: x}\n${job('name: "${env.REGIO}"')}`,
    '5:11: "${env.REGIO}" is not set in any env around it (did you mean "env.REGION"?)',
  ],
  [
    "a secret in a name",
    job('secrets: [T]\n    name: "${env.T}"'),
    "5:11: ${env.T} is a secret: only the job's steps see its value",
  ],
  [
    "a variable that refers to itself",
    'env: {A: "x${env.A}"}\njobs: {a: {run: x}}\n',
    "1:10: variables refer to each other in a circle: A → A",
  ],
  [
    "variables in a circle",
    "env:\n  A: ${env.B}\n  B: ${env.C}\n  C: ${env.A}\njobs: {a: {run: x}}\n",
    "4:6: variables refer to each other in a circle: A → B → C → A",
  ],

  ["an unknown trigger", `on: pusch\n${ok}`, '1:5: "pusch" is not a trigger (did you mean "push"?)'],
  [
    "an unknown filter",
    `on: {push: {branch: main}}\n${ok}`,
    '1:13: unknown key "branch" in on.push (did you mean "branches"?)',
  ],
  ["tags of a pull request", `on: {pull_request: {tags: v1}}\n${ok}`, '1:21: unknown key "tags" in on.pull_request'],
  [
    "a pattern with a space",
    `on: {push: {branches: "my branch"}}\n${ok}`,
    '1:23: "my branch" is not a pattern of on.push.branches: 1 to 256 characters without spaces',
  ],
  [
    "a schedule without times",
    `on: [schedule]\n${ok}`,
    '1:6: schedule needs its times: on: {schedule: [{cron: "0 4 * * *"}]}',
  ],
  [
    "a schedule of branches",
    `on: {schedule: [{cron: "0 4 * * *", branch: "release/*"}]}\n${ok}`,
    '1:45: on.schedule[0].branch: "release/*" is not the name of one branch',
  ],
  [
    "a schedule that never comes",
    `on: {schedule: [{cron: "0 4 30 2 *"}]}\n${ok}`,
    "1:24: on.schedule[0].cron: 0 4 30 2 * never comes: no month has such a day",
  ],
  [
    "an empty filter",
    `on: {push: {branches: []}}\n${ok}`,
    "1:23: on.push.branches is an empty list: leave it out to match everything, or leave out its trigger",
  ],
  [
    "no schedule in a list of them",
    `on: {schedule: []}\n${ok}`,
    "1:16: on.schedule is an empty list: leave it out, or name a time",
  ],
  ["a schedule without cron", `on: {schedule: [{branch: main}]}\n${ok}`, '1:17: on.schedule[0] needs "cron"'],
  [
    "a cron of four fields",
    `on: {schedule: [{cron: "0 4 * *"}]}\n${ok}`,
    "1:24: on.schedule[0].cron: a cron expression has five fields (minute, hour, day of month, month, day of week), not 4",
  ],
  [
    "a cron at 25 o'clock",
    `on: {schedule: [{cron: "0 25 * * *"}]}\n${ok}`,
    "1:24: on.schedule[0].cron: the hour of a cron expression is *, or numbers from 0 to 23 as 1,3 or 1-5 or */2",
  ],
];

test.each(MISTAKES)("%s is told with its place", (_title, text, ...problems) => {
  expect(printed(text)).toEqual(problems.map((problem) => `ci.yml:${problem}`));
});

test("keys of other systems are told by their name here, where that may stand", () => {
  const text =
    "name: CI\njobs:\n  a:\n    runs-on: x\n    timeout-minutes: 5\n    retry: 2\n    uses: y\n    steps:\n      - command: make\n        retry: 1\n";
  const suggested = validateText(text, "ci.yml").map(({ suggestion }) => suggestion);
  expect(suggested).toEqual(["pipeline", "pool", "timeout", "retries", undefined, "run", undefined, undefined]);
});

test("a syntax error is told together with the mistakes that stand before it, and nothing is guessed of what follows", () => {
  const text = "jobs:\n  a:\n    rum: x\n  b:\n    run: 'not closed\n  c:\n    needs: nowhere\n    rum: y\n";
  const problems = validateText(text, "ci.yml");
  expect(problems[0]?.message).toBe('unknown key "rum" in jobs.a');
  expect(problems[0]?.suggestion).toBe("run");
  expect(problems).toHaveLength(2);
  expect(problems[1]?.message).toBe("the quote ' is not closed; quote it: 'not closed'");
});

test("a long circle is shown from its start to its end, shortened in the middle", () => {
  const jobs = Array.from({ length: 40 }, (_, i) => `  j${i}: {run: x, needs: j${(i + 1) % 40}}`).join("\n");
  const [problem, ...others] = validateText(`jobs:\n${jobs}\n`, "ci.yml");
  expect(others).toEqual([]);
  expect(problem?.message).toBe(
    "jobs need each other in a circle: j0 → j1 → j2 → j3 → j4 → j5 → j6 → j7 → j8 → j9 → … → j39 → j0",
  );
  expect(problem?.line).toBe(41);
});

test("what a user wrote reaches a terminal quoted, cut and without control characters", () => {
  const text = `jobs:\n  a:\n    run: x\n    "\\e[31m\\u202E${"k".repeat(200)}": 1\n`;
  const [problem] = printed(text);
  expect(problem).toContain('unknown key "\\u001b[31m\\u202e');
  expect(problem).toContain("…");
  expect(problem?.length).toBeLessThan(160);
});

test("more problems than can be shown end with one line that says so", () => {
  const jobs = Array.from({ length: 500 }, (_, i) => `  j${i}: {rum: x}`).join("\n");
  const problems = validateText(`jobs:\n${jobs}\n`, "ci.yml");
  expect(problems).toHaveLength(201);
  expect(problems.at(-1)?.message).toBe("there are more than 200 problems; the rest is not shown");
});
