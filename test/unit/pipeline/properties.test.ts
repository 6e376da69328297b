// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import fc from "fast-check";
import { expect, test } from "vitest";
import { planSchema } from "../../../shared/domain/plan.ts";
import { parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import { planPipeline } from "../../../shared/pipeline/plan-pipeline.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";
import { RUN } from "./plan-of.ts";

/** Pieces that make many random texts almost pipelines. */
const PIECES = [
  "jobs:",
  "a:",
  "b",
  "run: x",
  "steps:",
  "- ",
  "needs: ",
  "[a, b]",
  "{",
  "}",
  "env:",
  "A: ",
  "$",
  "{env.A}",
  "{git.branch}",
  "\n",
  "\n  ",
  "\n    ",
  "\n      ",
  "&x ",
  "*x",
  "<<: ",
  "|",
  "'",
  '"',
  "#",
  "\t",
  "\r\n",
  "---\n",
  "!!str ",
  "? ",
  ": ",
  ", ",
  "null",
  "1",
  "true",
  "..",
  "/",
  "on: ",
  "push",
  "\u0000",
  "\ufeff",
  "ä",
  "\ud800",
];
const almost = fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join(""));

/** Plain conditions: one assertion of the test library for each problem would take most of the time. */
function isPositioned(text: string): boolean {
  const lines = text.split(/\r\n|\n|\r/).length;
  let before = { line: 1, column: 1 };
  return validateText(text, "p.yml").every(({ line, column, message }) => {
    const isAfter = line > before.line || (line === before.line && column >= before.column);
    before = { line, column };
    return isAfter && line <= lines && column >= 1 && message !== "";
  });
}

test("no text makes it throw; its problems stand inside the text, in order", () => {
  fc.assert(fc.property(fc.oneof(almost, fc.string({ unit: "binary", maxLength: 200 })), isPositioned), {
    numRuns: 2_000,
  });
});

test("no bytes make it throw", () => {
  const decoder = new TextDecoder();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => isPositioned(decoder.decode(bytes))),
    { numRuns: 500 },
  );
});

/** A good pipeline as JSON, which is YAML: jobs that need only earlier ones, scripts and values of any text. */
const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  // U+FFFD is what is left of a byte that was no UTF-8, and is refused.
  .filter((value) => value.trim() !== "" && !value.includes("\ufffd"));
const literal = text.map((value) => value.replaceAll("${", "$${"));
const env = fc.dictionary(
  fc.constantFrom("A", "B", "C", "D_1"),
  fc.oneof(literal, fc.constant("${git.branch}/${run.id}")),
  { noNullPrototype: true },
);
const jobs = fc.array(
  fc.record({ run: text, env, needs: fc.array(fc.nat()), timeout: fc.constantFrom("90s", "1h30m") }),
  { minLength: 1, maxLength: 12 },
);
const pipelines = fc.record({ env, jobs }).map((made) => ({
  env: made.env,
  jobs: Object.fromEntries(
    made.jobs.map((job, index) => {
      const needs = [...new Set(job.needs.map((need) => `j${index === 0 ? 0 : need % index}`))];
      return [`j${index}`, { ...job, needs: index === 0 ? [] : needs }];
    }),
  ),
}));

test("planning is deterministic, valid, and keeps every script as it was written, whatever the branch", () => {
  fc.assert(
    fc.property(
      pipelines,
      fc.string({ unit: "binary" }).filter((branch) => !branch.includes("\0")),
      (made, branch) => {
        const source = JSON.stringify(made);
        const { pipeline, problems } = parsePipeline(source, "p.yml");
        expect(problems).toEqual([]);
        if (pipeline === undefined) throw new Error("no pipeline and no problems");
        const { plan } = planPipeline(pipeline, { ...RUN, branch });
        expect(planPipeline(pipeline, { ...RUN, branch })).toEqual({ plan, problems: [] });
        const again = parsePipeline(source, "p.yml").pipeline;
        expect(again && JSON.stringify(planPipeline(again, { ...RUN, branch }).plan)).toBe(JSON.stringify(plan));
        expect(planSchema.parse(plan)).toEqual(plan);
        expect(plan?.jobs.map((job) => job.spec.steps.map((step) => step.run))).toEqual(
          Object.values(made.jobs).map((job) => [job.run]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("any literal text survives when its ${ is escaped", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "{", "}", " ", "b.c"), { maxLength: 12 }), (pieces) => {
      const value = pieces.join("");
      const source = JSON.stringify({ env: { V: `$\${${value}` }, jobs: { a: { run: "x" } } });
      const { pipeline } = parsePipeline(source, "p.yml");
      const plan = pipeline && planPipeline(pipeline, RUN).plan;
      expect(plan?.jobs[0]?.spec.env["V"]).toBe(`\${${value}`);
    }),
  );
});
