// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { FILE_TOKENS_MAX, PROBLEMS_MAX, SYNTAX_ERRORS_MAX } from "../../../shared/domain/limits.ts";
import { composeYaml } from "../../../shared/pipeline/compose-yaml.ts";
import { parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";
import { HOSTILE_PIPELINES } from "../../support/hostile-pipelines.ts";
import { planOf } from "./plan-of.ts";

const messages = (text: string): string[] => validateText(text, "ci.yml").map((problem) => problem.message);
const many = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("");
/** Far more than any of these takes, far less than an unbounded expansion would. */
const SOON_MS = 10_000;
const one = "jobs: {a: {run: x}}\n";

const LAUGHS = many(9, (i) => `x${i + 1}: &x${i + 1} [${`*x${i}, `.repeat(9)}]\n`);
const bomb = `x0: &x0 [lol]\n${LAUGHS}${one}`;
const longScript = `x: &s ${"s".repeat(60_000)}\njobs:\n${many(200, (i) => `  j${i}: {run: *s}\n`)}`;

const TOO_MUCH: readonly (readonly [title: string, text: string, message: string])[] = [
  ["a billion laughs", bomb, "the file has more than 100000 values once its aliases are expanded (FILE_VALUES_MAX)"],
  [
    "a long script in many jobs",
    longScript,
    "the file has more than 8388608 characters once its aliases are expanded (FILE_EXPANDED_LENGTH_MAX)",
  ],
  [
    "merged maps of merged maps",
    `m: &m {${many(3_000, (i) => `k${i}: 1, `)}}\nl:\n${many(3_000, () => "  - <<: *m\n")}${one}`,
    "the file has more than 100000 values once its aliases are expanded (FILE_VALUES_MAX)",
  ],
  [
    "more values than a pipeline has",
    `x: [${"a,".repeat(100_001)}]\n${one}`,
    "the file has more than 100000 values once its aliases are expanded (FILE_VALUES_MAX)",
  ],
  ["deep lists", `x: ${"[".repeat(200_000)}`, "values nest deeper than 32 levels (FILE_DEPTH_MAX)"],
  [
    "closed deep lists",
    `x: ${"[".repeat(40)}${"]".repeat(40)}\n${one}`,
    "values nest deeper than 32 levels (FILE_DEPTH_MAX)",
  ],
  ["deep dashes", "- ".repeat(100_000), "values nest deeper than 32 levels (FILE_DEPTH_MAX)"],
  ["deep maps", many(60, (i) => `${" ".repeat(i)}a:\n`), "values nest deeper than 32 levels (FILE_DEPTH_MAX)"],
  [
    "a file over the limit",
    `# ${"x".repeat(524_288)}\n${one}`,
    "the file has 524311 bytes; 524288 are allowed (DEFINITION_BYTES_MAX)",
  ],
  [
    "1,001 jobs",
    `jobs:\n${many(1_001, (i) => `  j${i}: {run: x}\n`)}`,
    "jobs has 1001 entries; 1000 are allowed (JOBS_MAX)",
  ],
  ["half of a surrogate pair", 'jobs: {a: {run: "x \\ud83d"}}\n', "half of a surrogate pair is no text"],
  [
    "65 needs",
    `jobs:\n${many(65, (i) => `  j${i}: {run: x}\n`)}  z: {run: x, needs: [${many(65, (i) => `j${i},`)}]}\n`,
    "jobs.z.needs has 65 entries; 64 are allowed (NEEDS_MAX)",
  ],
  [
    "101 steps",
    `jobs:\n  a:\n    steps:\n${many(101, () => "      - run: x\n")}`,
    "jobs.a.steps has 101 entries; 100 are allowed (STEPS_MAX)",
  ],
  [
    "9 checks",
    `jobs: {a: {run: x, checks: [${many(9, (i) => `c${i},`)}]}}\n`,
    "jobs.a.checks has 9 entries; 8 are allowed (CHECKS_PER_JOB_MAX)",
  ],
  [
    "257 checks in all",
    `jobs:\n${many(257, (i) => `  j${i}: {run: x, checks: c${i}}\n`)}`,
    "more than 256 checks are named (CHECKS_PER_PIPELINE_MAX)",
  ],
  [
    "257 variables",
    `env:\n${many(257, (i) => `  V${i}: x\n`)}${one}`,
    "env has 257 entries; 256 are allowed (ENV_ENTRIES_MAX)",
  ],
  [
    "257 variables of two levels",
    `env:\n${many(200, (i) => `  V${i}: x\n`)}jobs:\n  a:\n    run: x\n    env:\n${many(57, (i) => `      W${i}: x\n`)}`,
    "jobs.a has 257 variables with the pipeline's; 256 are allowed (ENV_ENTRIES_MAX)",
  ],
  [
    "variables that double at every step",
    `env:\n  V0: lol\n${many(60, (i) => `  V${i + 1}: "\${env.V${i}}\${env.V${i}}"\n`)}${one}`,
    "the value is longer than 32768 bytes (ENV_VALUE_BYTES_MAX)",
  ],
  [
    "large variables",
    `env:\n${many(5, (i) => `  V${i}: ${"v".repeat(30_000)}\n`)}${one}`,
    "the variables of jobs.a have 150010 bytes with the pipeline's; 131072 are allowed (ENV_BYTES_MAX)",
  ],
  [
    "a script over the limit",
    `jobs: {a: {run: ${"x".repeat(65_537)}}}\n`,
    "jobs.a.run has 65537 bytes; 65536 are allowed (SCRIPT_BYTES_MAX)",
  ],
  [
    "a job over the limit",
    `x: &s ${"s".repeat(60_000)}\njobs:\n  a:\n    steps:\n${many(20, () => "      - run: *s\n")}`,
    "jobs.a is 1200830 bytes as planned; 1048576 are allowed (SPEC_BYTES_MAX)",
  ],
  [
    "a plan over the limit",
    `env:\n${many(4, (i) => `  V${i}: ${"v".repeat(30_000)}\n`)}jobs:\n${many(100, (i) => `  j${i}: {run: x}\n`)}`,
    "the plan is larger than 8388608 bytes from this job on (PLAN_BYTES_MAX)",
  ],
];

test.each(TOO_MUCH)(
  "%s is refused with the limit's name, soon",
  (_title, text, message) => {
    expect(messages(text)).toContain(message);
  },
  SOON_MS,
);

test("what stands exactly at the limits is planned", () => {
  const jobs = many(999, (i) => `  j${i}: {run: x}\n`);
  const plan = planOf(`jobs:\n${jobs}  z: {run: x, needs: [${many(64, (i) => `j${i},`)}]}\n`);
  expect(plan.jobs).toHaveLength(1_000);
  expect(plan.jobs.at(-1)?.needs).toMatchObject({ atLeast: 64 });
});

test("a chain of 1,000 jobs, last first, is planned, and closing it is one circle", () => {
  const chain = (last: string) =>
    `jobs:\n${many(1_000, (i) => `  j${i}: {run: x, needs: ${i === 999 ? last : `j${i + 1}`}}\n`)}`;
  expect(planOf(chain("[]")).jobs).toHaveLength(1_000);
  expect(messages(chain("j0"))).toHaveLength(1);
});

test(
  "a file full of wrong needs is answered soon",
  () => {
    const needs = many(64, (i) => `nobody-${i},`);
    expect(messages(`jobs:\n${many(400, (i) => `  some-job-${i}: {run: x, needs: [${needs}]}\n`)}`)).toHaveLength(201);
  },
  SOON_MS,
);

test("keys that mean something to JavaScript are only keys", () => {
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    expect(messages(`${key}: {polluted: 1}\n${one}`)).toEqual([`unknown key "${key}" in the file`]);
  }
  const plan = planOf("env: {constructor: c, toString: t}\njobs: {toString: {run: x}, a: {run: x, needs: toString}}\n");
  expect(Object.entries(plan.jobs[0]?.spec.env ?? {})).toEqual([
    ["constructor", "c"],
    ["toString", "t"],
  ]);
  expect("polluted" in {}).toBe(false);
});

const HALF_A_MEGABYTE = 500_000;
/** Enough to pass every bound but that of tokens. */
const LONG = 20_000;

test.each(Object.entries(HOSTILE_PIPELINES))(
  "case A3: the work for %s is bounded, and so is what is said of it",
  (_name, make) => {
    const text = make(LONG);
    const { errors } = composeYaml(text);
    const { problems, tokens } = parsePipeline(text, "ci.yml");
    expect(tokens).toBeLessThanOrEqual(FILE_TOKENS_MAX + 1);
    expect(errors.length).toBeLessThanOrEqual(SYNTAX_ERRORS_MAX);
    expect(problems.length).toBeLessThanOrEqual(PROBLEMS_MAX + 1);
  },
);

test("case A3: a file that is nothing but errors is read no further than the first thousand", () => {
  for (const unit of ["}}}}", "]]]]"]) {
    const { tokens, errors } = composeYaml(unit.repeat(HALF_A_MEGABYTE / unit.length));
    expect(errors.length).toBeLessThanOrEqual(SYNTAX_ERRORS_MAX);
    expect(tokens).toBeLessThan(10 * SYNTAX_ERRORS_MAX);
  }
});

test("case A3: a file of too many words and signs is refused by the limit's name", () => {
  expect(messages(`x: [${"a,\n ".repeat(120_000)}]\n${one}`)).toEqual([
    "the file has more than 400000 words and signs of YAML (FILE_TOKENS_MAX)",
  ]);
});
