import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";
import { planOf } from "./plan-of.ts";

const ROOT = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");
const filesOf = (folder: string): string[] =>
  readdirSync(new URL(folder, ROOT))
    .filter((name) => name.endsWith(".yml"))
    .map((name) => `${folder}/${name}`);

test.each([...filesOf("examples"), ...filesOf(".baton")])(
  "%s is a pipeline without problems, named for its file",
  (path) => {
    const text = read(path);
    expect(validateText(text, path).map(printProblem)).toEqual([]);
    expect(planOf(text).pipeline).toBe(basename(path, ".yml"));
  },
);

test("the first example is two jobs, the second of which takes what the first made", () => {
  const [greet, shout, ...others] = planOf(read("examples/hello.yml")).jobs;
  expect(others).toEqual([]);
  expect(greet?.spec.artifacts.paths).toEqual(["out/greeting.txt"]);
  expect(shout?.spec.artifacts.from).toEqual([greet?.id]);
});

interface Block {
  readonly info: string;
  readonly line: number;
  readonly text: string;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map((match) => ({
    info: match[1] ?? "",
    line: markdown.slice(0, match.index).split("\n").length,
    text: match[2] ?? "",
  }));
}

const blocks = blocksOf(read("docs/PIPELINES.md"));

test("every pipeline in the reference is good", () => {
  const pipelines = blocks.filter((block) => block.info === "yaml");
  expect(pipelines.length).toBeGreaterThan(5);
  for (const { text, line } of pipelines) {
    expect(validateText(text, `docs/PIPELINES.md, the block at ${line}`).map(printProblem)).toEqual([]);
  }
});

test("the wrong pipeline in the reference gives exactly the messages beside it", () => {
  const wrong = blocks.find((block) => block.info === "yaml wrong");
  const said = blocks.find((block) => block.info === "text");
  const problems = validateText(wrong?.text ?? "", "ci.yml");
  expect(problems.map(printProblem).join("\n")).toBe(said?.text.trimEnd());
});

test("the reference names every key of the language", () => {
  const reference = read("docs/PIPELINES.md");
  const sources = ["read-definition", "read-job", "read-steps", "read-triggers"].map((name) =>
    read(`shared/pipeline/${name}.ts`),
  );
  // Keys stand in the lists that unknown keys are compared with.
  const keys = sources.flatMap((source) =>
    [...source.matchAll(/\[((?:\s*"[a-z_]+",?)+\s*)\]/g)].flatMap((list) =>
      [...(list[1] ?? "").matchAll(/"([a-z_]+)"/g)].map((key) => key[1] ?? ""),
    ),
  );
  expect(keys).toContain("allow_failure");
  for (const key of keys) expect(reference, key).toMatch(new RegExp(`\\b${key}\\b`));
});
