import { describe, expect, test } from "vitest";
import { globMistake, isTaken } from "../../../shared/pipeline/match-glob.ts";
import { matchTriggers } from "../../../shared/pipeline/match-triggers.ts";
import { parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import type { Trigger } from "../../../shared/protocol/triggers.ts";

const SHA = "a".repeat(40);
const at = { sha: SHA, occurredAtMs: 1 };
const push = (branch: string): Trigger => ({ event: "push", branch, ...at });
const tag = (name: string): Trigger => ({ event: "tag", tag: name, ...at });
const pull = (base: string): Trigger => ({
  event: "pull_request",
  action: "opened",
  number: 1,
  branch: "x",
  base: { branch: base, sha: SHA },
  fork: false,
  ...at,
});
const due = (cron: string, branch = "main"): Trigger => ({
  event: "schedule",
  branch,
  pipelinePath: ".baton/ci.yml",
  cron,
  dueAtMs: 1,
  ...at,
});

/** Why `on` refuses the trigger; undefined where it starts the run. */
async function refusal(on: string, trigger: Trigger, paths?: readonly string[]): Promise<string | undefined> {
  const { pipeline, problems } = parsePipeline(`${on}\njobs: {a: {run: x}}\n`, "ci.yml");
  expect(problems).toEqual([]);
  return matchTriggers(pipeline?.on, { trigger, changedPaths: async () => paths });
}

describe("a pipeline", () => {
  test.each([push("main"), tag("v1"), pull("main"), due("* * * * *")])(
    "without `on` is started by nothing: %j",
    async (trigger) => {
      expect(await refusal("pipeline: p", trigger)).toMatch(/only people and programs/);
      expect(await refusal("on: manual", trigger)).toMatch(/^`on/);
    },
  );
});

describe("on.push", () => {
  test("without filters takes every branch and no tag", async () => {
    expect(await refusal("on: push", push("a/b.c"))).toBeUndefined();
    expect(await refusal("on: push", tag("v1"))).toBe("`on.push` has no tags");
    expect(await refusal("on: pull_request", push("main"))).toBe("`on` has no push");
  });
  test("with branches takes those, and says which it left out", async () => {
    const on = 'on: {push: {branches: [main, "release/*", "!release/0*"]}}';
    expect(await refusal(on, push("main"))).toBeUndefined();
    expect(await refusal(on, push("release/1"))).toBeUndefined();
    expect(await refusal(on, push("release/01"))).toBe('branch "release/01" is not among `on.push.branches`');
    expect(await refusal(on, push("release/1/x"))).toMatch(/is not among/);
    expect(await refusal(on, push("Main"))).toMatch(/is not among/);
  });
  test("with tags alone is for tags alone", async () => {
    const on = 'on: {push: {tags: "v*"}}';
    expect(await refusal(on, tag("v1.2"))).toBeUndefined();
    expect(await refusal(on, tag("x1"))).toBe('tag "x1" is not among `on.push.tags`');
    expect(await refusal(on, push("v1"))).toBe("`on.push` is for tags only");
  });
  test("with paths wants one of them changed, and starts where nobody can tell", async () => {
    const on = 'on: {push: {paths: ["src/**", "!src/**/*.md"]}}';
    expect(await refusal(on, push("main"), ["src/a/b.ts", "x"])).toBeUndefined();
    expect(await refusal(on, push("main"), ["src/.hidden/b"])).toBeUndefined();
    expect(await refusal(on, push("main"), ["src/a/b.md", "docs/x"])).toBe("no changed file is among `on.push.paths`");
    expect(await refusal(on, push("main"), undefined)).toBeUndefined();
  });
  test("never asks for paths that no filter wants", async () => {
    const { pipeline } = parsePipeline("on: push\njobs: {a: {run: x}}\n", "ci.yml");
    const changedPaths = async () => {
      throw new Error("asked");
    };
    expect(await matchTriggers(pipeline?.on, { trigger: push("main"), changedPaths })).toBeUndefined();
  });
});

describe("on.pull_request", () => {
  test("is about the branch that is merged into", async () => {
    const on = "on: {pull_request: {branches: main}}";
    expect(await refusal(on, pull("main"))).toBeUndefined();
    expect(await refusal(on, pull("dev"))).toBe('base branch "dev" is not among `on.pull_request.branches`');
    expect(await refusal("on: push", pull("main"))).toBe("`on` has no pull_request");
  });
});

describe("on.schedule", () => {
  test("fires what it still names, on its branch", async () => {
    const on = 'on: {schedule: [{cron: "0 4 * * *"}, {cron: "0 5 * * *", branch: dev}]}';
    expect(await refusal(on, due("0 4 * * *"))).toBeUndefined();
    expect(await refusal(on, due("0 5 * * *", "dev"))).toBeUndefined();
    expect(await refusal(on, due("0 5 * * *", "main"))).toMatch(/has no "0 5/);
    expect(await refusal(on, due("1 4 * * *"))).toMatch(/any more/);
  });
});

describe("globs", () => {
  test.each([
    ["*", "a", true],
    ["*", "a/b", false],
    ["**", "a/b/c", true],
    ["a/**", "a/b/c", true],
    ["**/x", "a/b/x", true],
    ["v?", "v1", true],
    ["{a,b}", "b", true],
    ["[ab]c", "bc", true],
    [".github/**", ".github/a", true],
    ["a+b", "a+b", true],
    ["a+b", "aab", false],
    ["a.b", "axb", false],
    ["$(x)".replace(/[()]/g, ""), "$x", true],
  ])("%s and %s: %s", (glob, name, taken) => expect(isTaken(name, [glob])).toBe(taken));

  test("that only leave out take all the rest", () => {
    expect(isTaken("a", ["!b"])).toBe(true);
    expect(isTaken("b", ["!b"])).toBe(false);
  });

  test.each([
    ["**/*.ts", "a.ts", true],
    ["a/**", "a", true],
    ["a/**/b", "a/b", true],
    ["a/**/b", "a/x/y/b", true],
    ["x**", "x/b", false],
    ["docs/**.md", "docs/a/b.md", true],
    ["release-{8..12}", "release-10", true],
    ["release-{8..12}", "release-13", false],
    ["v{01..12}", "v09", true],
    ["{a..c}/x", "b/x", true],
    ["{main,{dev,next}/*}", "next/a", true],
    ["{main", "{main", true],
    ["{{cookiecutter.slug}}/**", "{{cookiecutter.slug}}/setup.py", true],
    ["app/(auth)/**", "app/(auth)/page.tsx", true],
    ["app/[[]id]/*", "app/[id]/page.tsx", true],
    ["[]]x", "]x", true],
    ["[^a]", "/", false],
    ["[a-]", "-", true],
    ["x|y[|]", "x|y|", true],
    ["?", "\u{1f600}", true],
    ["My Project/**", "My Project/a b.md", true],
  ])("%s and %s: %s, too", (glob, name, taken) => expect(isTaken(name, [glob])).toBe(taken));

  test("SECURITY 21: that would be a regular expression, or stand for too much, are problems of the file", () => {
    for (const glob of ["(a|b)", "+(a)", "a\\b", "@(x)", "a|b", "{1..99}".repeat(30)]) {
      const { problems } = parsePipeline(`on: {push: {branches: ['${glob}']}}\njobs: {a: {run: x}}\n`, "ci.yml");
      expect(problems).toHaveLength(1);
    }
  });

  // Each of these took a regular expression longer than anybody waits.
  test.each([
    ["*a*a*/*a*a*/*a*a*/x", `${"a".repeat(1_000)}/`.repeat(3)],
    ["*a*a*a*a*b", "a".repeat(4_096)],
    ["**/a/**/a/**/ax", "a/".repeat(2_048)],
    [`${"{**,b}/".repeat(30)}x`, "a/".repeat(2_048)],
    [`${"{*,**}".repeat(30)}x`, "a".repeat(4_096)],
    [`${"[a-z]*".repeat(40)}0`, "a".repeat(4_096)],
    [`{${"*a*,".repeat(50)}}b`, "a".repeat(4_096)],
    [`${"{1..99}".repeat(5)}*x`, "1".repeat(4_096)],
  ])("case A3: the work for a filter is bounded by its length and the name's: %s", (glob, name) => {
    expect(globMistake(glob)).toBeUndefined();
    expect(isTaken(name, [glob])).toBe(false);
  });

  test("case A3: a filter that takes too long with what was changed lets it pass", async () => {
    const globs = Array.from({ length: 64 }, (_, nth) => `"*${"{a,1}".repeat(40)}${nth}x"`).join(", ");
    const paths = Array.from({ length: 24 }, () => "1".repeat(4_096));
    expect(await refusal(`on: {push: {paths: [${globs}]}}`, push("main"), paths)).toBeUndefined();
    expect(await refusal(`on: {push: {paths: [${globs}]}}`, push("main"), ["1".repeat(100)])).toMatch(
      /no changed file/,
    );
  });

  test("case A3: whoever asks meanwhile is answered between two paths", async () => {
    const paths = Array.from({ length: 1_000 }, (_, nth) => `${"src/".repeat(20)}${nth}.ts`);
    const order: string[] = [];
    const refused = refusal("on: {push: {paths: ['docs/**', '{1..99}*']}}", push("main"), paths).then(() =>
      order.push("matched"),
    );
    // Once the paths are there and the first of them are matched.
    await new Promise((resolve) => setImmediate(resolve));
    order.push("another");
    await refused;
    expect(order).toEqual(["another", "matched"]);
  });
});
