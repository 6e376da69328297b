// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { jobOf, planOf, RUN } from "./plan-of.ts";

const envOf = (lines: readonly string[]): Record<string, string> =>
  jobOf(`env:\n${lines.map((line) => `  ${line}`).join("\n")}\njobs: {a: {run: x}}\n`, "a").spec.env;

test.each([
  ["the run's id", "${run.id}", RUN.runId],
  ["the commit", "at ${git.sha}", `at ${RUN.sha}`],
  ["the branch, twice", "${git.branch}${git.branch}", "mainmain"],
  ["a literal ${", "$${run.id}", "${run.id}"],
  ["a literal ${ after a value", "${git.branch}$${x}", "main${x}"],
  ["a dollar before a literal ${", "$$${x}", "$${x}"],
  ["dollars alone", "$HOME $$ $", "$HOME $$ $"],
  ["braces alone", "{a} }{", "{a} }{"],
])("%s in a value", (_title, written, expected) => {
  expect(envOf([`V: '${written}'`])["V"]).toBe(expected);
});

test("a value is not read again for references: what a branch brings stays text", () => {
  expect(
    jobOf("env: {B: '${git.branch}', C: '${env.B}'}\njobs: {a: {run: x}}\n", "a", { ...RUN, branch: "${run.id}" }).spec
      .env,
  ).toEqual({
    B: "${run.id}",
    C: "${run.id}",
  });
});

test("variables may name their siblings in any order", () => {
  expect(envOf(["A: ${env.B}!", "B: ${env.C}?", "C: c"])).toEqual({ A: "c?!", B: "c?", C: "c" });
});

test("a variable's own name means the outer one, so that a value can be extended at every level", () => {
  const text = `
env: {FLAGS: -a}
jobs:
  a:
    env: {FLAGS: "\${env.FLAGS} -b", ALL: "\${env.FLAGS}"}
    steps:
      - run: x
        name: with \${env.FLAGS}
        env: {FLAGS: "\${env.FLAGS} -c", SEEN: "\${env.ALL}"}
      - run: y
        name: with \${env.FLAGS}
`;
  const { spec } = jobOf(text, "a");
  expect(spec.env).toEqual({ FLAGS: "-a -b", ALL: "-a -b" });
  expect(spec.steps[0]).toMatchObject({ name: "with -a -b -c", env: { FLAGS: "-a -b -c", SEEN: "-a -b" } });
  expect(spec.steps[1]?.name).toBe("with -a -b");
});

test("scripts are left to their shell, whatever they contain", () => {
  const script = 'echo "${HOME}" ${run.id} $${x} ${unclosed';
  const { spec } = jobOf(`jobs:\n  a:\n    steps:\n      - run: ${JSON.stringify(script)}\n`, "a");
  expect(spec.steps[0]?.run).toBe(script);
});

test.each(["$(rm -rf /)", "`id`", "'; rm -rf / #", '"; id; "', "a\\b", "${env.X}", "main\nid"])(
  "the branch %j changes no script and no shell (SECURITY 21)",
  (branch) => {
    const text = `
env: {BRANCH: "\${git.branch}"}
jobs:
  a: {run: 'echo "$BRANCH" "\${BRANCH}"', shell: bash}
  b: {steps: [{run: 'echo \${git.branch}', env: {B: "\${git.branch}"}}]}
`;
    const code = (name: string) =>
      planOf(text, { ...RUN, branch: name }).jobs.flatMap((job) =>
        job.spec.steps.map((step) => [step.run, step.shell]),
      );
    expect(code(branch)).toEqual(code("main"));
    expect(jobOf(text, "b", { ...RUN, branch }).spec.steps[0]?.env).toEqual({ B: branch });
  },
);
