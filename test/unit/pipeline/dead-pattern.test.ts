// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deadPatternMistake, excludedBy } from "../../../shared/pipeline/dead-pattern.ts";
import { globMistake, isTaken } from "../../../shared/pipeline/match-glob.ts";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";

const printed = (text: string): string[] => validateText(text, "ci.yml").map(printProblem);
const problemsOf = (key: string, ...globs: string[]): string[] => {
  const list = globs.map((glob) => `'${glob.replaceAll("'", "''")}'`).join(", ");
  return printed(`on: {push: {${key}: [${list}]}}\njobs: {a: {run: x}}\n`);
};

const DEAD: readonly (readonly [key: "branches" | "tags" | "paths", glob: string, message: string])[] = [
  ["paths", "/src/**", 'matches no path: paths are relative to the repository; write "src/**"'],
  ["paths", "src/", 'matches no path: it names a folder; write "src/**"'],
  ["paths", "src//x", 'matches no path: it has an empty part; write "src/x"'],
  ["paths", "../x", "matches no path: paths are relative to the repository, and have no .."],
  ["paths", "src/./x", "matches no path: it has a part that is only a dot; leave that part out"],
  ["paths", ".git/config", "matches no path: git keeps no file of a folder .git"],
  ["paths", "{/a,b/}", 'matches no path: paths are relative to the repository; write "{/a,b/}"'],
  ["branches", "refs/heads/main", 'matches no branch: names stand here without refs/heads/; write "main"'],
  ["tags", "refs/tags/v*", 'matches no tag: names stand here without refs/tags/; write "v*"'],
  ["branches", "refs/**", "matches no branch: no name begins with refs/"],
  [
    "tags",
    "v[0-9]+.[0-9]+",
    'cannot be meant: + repeats nothing in a glob; write "v[0-9]*.[0-9]*", or [+] for the sign itself',
  ],
  ["branches", "[!v]*", 'cannot be meant: to leave out characters write "[^v]*"'],
  ["branches", "/main", 'matches no branch: no name begins with /; write "main"'],
  ["branches", "release/", 'matches no branch: no name ends with /; write "release/**"'],
  ["branches", "a//b", 'matches no branch: no name has an empty part; write "a/b"'],
  ["branches", "^main$", 'matches no branch: it is a glob and no regular expression; write "main"'],
  ["branches", ".*", 'matches no branch: it is a glob and no regular expression; write "*"'],
  ["branches", "\\d", "must not contain a backslash: folders are parted by /"],
  ["branches", "(a|b)", "must not contain |: to choose among several write {a,b}"],
  ["paths", "+(a).md", "must not contain a group such as +(a): to choose among several write {a,b}"],
  ["paths", "src\\**", "must not contain a backslash: folders are parted by /"],
  ["branches", "feature[]", "matches no branch: git allows no [ in a name"],
  ["branches", "main[", "matches no branch: git allows no [ in a name"],
  ["branches", "[~^]", "matches no branch: no character is in its [ ]"],
  ["paths", "[z-a]*", "matches no path: no character is in its [ ]: a range begins with its first one"],
  ["tags", "v[[:digit:]]*", "cannot be meant: a glob has no classes such as [:digit:]; write [0-9]"],
  ["tags", "v[^[:alpha:]]*", "cannot be meant: a glob has no classes such as [:digit:]; write [0-9]"],
  ["tags", "v[:digit:]", "cannot be meant: a glob has no classes such as [:digit:]; write [0-9]"],
  ["tags", "v[0-9]{2}.x", "cannot be meant: {2} repeats nothing in a glob"],
  ["paths", "**/*.{ts}", 'cannot be meant: braces choose among several; write "**/*.ts"'],
  ["tags", "v{1..500}", "cannot be meant: {1..500} is no range; one has two numbers"],
  ["branches", "{a..zz}", "cannot be meant: {a..zz} is no range; one has two numbers"],
  ["branches", "$default-branch", "cannot be meant: nothing is put in its place; write the name of the branch"],
  ["branches", "${git.branch}", "cannot be meant: no value is put into a filter; write the name"],
  ["paths", "src/**,docs/**", "cannot be meant: several globs are a list, [a, b], and not one text"],
  ["paths", "~/src/**", "matches no path: no shell reads it, so ~ is only a name here"],
  ["paths", "./", 'matches no path: write "**" for all of them'],
  ["paths", "**/", 'matches no path: it names a folder; write "**"'],
  ["branches", "a/**/", 'matches no branch: no name ends with /; write "a/**"'],
  ["paths", "src/** ", "is not a pattern of on.push.paths: 1 to 256 characters, with no space at an end"],
  ["branches", "a..b", "matches no branch: git allows no .. in a name"],
  ["branches", "a~1", "matches no branch: git allows no ~ in a name"],
  ["branches", "origin:main", "matches no branch: git allows no : in a name"],
  ["branches", "main@{1}", "matches no branch: git allows no @{ in a name"],
  ["branches", "*.lock", "matches no branch: git allows no part of a name that ends with .lock"],
  ["branches", "a/.b", "matches no branch: git allows no part of a name that begins with a dot"],
  ["branches", "main.", "matches no branch: git allows no name that ends with a dot"],
  ["branches", "@", "matches no branch: git allows no name @"],
  ["branches", "!refs/heads/x", 'matches no branch: names stand here without refs/heads/; write "x"'],
  ["branches", " main ", "is not a pattern of on.push.branches: 1 to 256 characters without spaces"],
];

describe("case C8: a filter that no name can match is a problem, with the cure", () => {
  test.each(DEAD)("%s: %s", (key, glob, message) => {
    const problems = problemsOf(key, glob);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`"${glob.replaceAll("\\", "\\\\")}" ${message}`);
  });

  test("one that others leave out entirely, too", () => {
    expect(problemsOf("branches", "main", "!**")[0]).toContain('"main" matches nothing: "!**" leaves it out');
    expect(problemsOf("branches", "main", "!m*")[0]).toContain('"main" matches nothing: "!m*" leaves it out');
    expect(problemsOf("paths", "src/a/**", "!src/**")[0]).toContain(
      '"src/a/**" matches nothing: "!src/**" leaves it out',
    );
    expect(problemsOf("branches", "!**")[0]).toContain('"!**" leaves out everything: leave out its trigger instead');
  });

  test.each([
    ["paths", "./src/**"],
    ["paths", "src"],
    ["paths", ".*"],
    ["paths", "^main$"],
    ["paths", "{src/,lib/**}"],
    ["paths", "a{,/}"],
    ["branches", "main"],
    ["branches", "./main"],
    ["branches", "release-[0-9].x"],
    ["branches", "{1..9}.x"],
    ["branches", "a+b"],
    ["branches", "**"],
    ["branches", "{refs/heads/x,y}"],
    ["tags", "v[0-9]*.[0-9]*"],
    ["paths", "My Project/**"],
    ["paths", "app/(auth)/**"],
    ["paths", "{{cookiecutter.slug}}/**"],
    ["paths", "${{values.name}}/**"],
    ["paths", "*.JPG"],
    ["paths", "a, b.md"],
    ["paths", "[a-]x"],
    ["paths", "[[.]x"],
    ["branches", "fix(ui)"],
    ["branches", "release-{8..12}"],
    ["branches", "a]b"],
    ["branches", "*a*b*c*d"],
  ] as const)("%s: %s can match, and is none", (key, glob) => expect(problemsOf(key, glob)).toEqual([]));

  test("of the branch of a schedule as well", () => {
    const text = "on: {schedule: [{cron: '0 4 * * *', branch: refs/heads/main}]}\njobs: {a: {run: x}}\n";
    expect(printed(text)).toEqual([
      'ci.yml:1:45: on.schedule[0].branch: "refs/heads/main" matches no branch: names stand here without refs/heads/; write "main"',
    ]);
  });
});

const atom = fc.constantFrom(
  "a",
  "b",
  ".",
  "/",
  "*",
  "**",
  "?",
  "[ab]",
  "[b-a]",
  "[~]",
  "[",
  "{a,b}",
  "{1..12}",
  "{a/,.}",
  "@",
  "-",
  ".lock",
  "!",
  "+",
);
const glob = fc.array(atom, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
const refPart = fc
  .array(fc.constantFrom("a", "b", ".", "-", "@", "+"), { minLength: 1, maxLength: 4 })
  .map((letters) => letters.join(""))
  .filter((part) => !part.startsWith(".") && !part.endsWith(".lock") && !part.includes(".."));
const ref = fc
  .array(refPart, { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"))
  .filter((name) => !name.endsWith(".") && name !== "@");
const path = fc
  .array(
    fc.stringMatching(/^[ab.+@-]{1,3}$/).filter((part) => part !== "." && part !== ".."),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.join("/"));

test("case C8: no filter that takes a valid name is refused", () => {
  fc.assert(
    fc.property(glob, ref, path, (pattern, name, file) => {
      fc.pre(globMistake(pattern) === undefined && !/\[(?:ab|b-a|~)\]\+|\[!/.test(pattern) && !pattern.startsWith("!"));
      if (isTaken(name, [pattern])) expect(deadPatternMistake(pattern, "branch")).toBeUndefined();
      if (isTaken(file, [pattern])) expect(deadPatternMistake(pattern, "path")).toBeUndefined();
    }),
    { numRuns: 3_000 },
  );
});

test("case C8: what is said to be left out entirely is never taken", () => {
  fc.assert(
    fc.property(glob, glob, ref, (pattern, other, name) => {
      fc.pre([pattern, other].every((one) => globMistake(one) === undefined && !one.startsWith("!")));
      if (excludedBy(pattern, [other]) !== undefined) expect(isTaken(name, [pattern, `!${other}`])).toBe(false);
    }),
    { numRuns: 3_000 },
  );
});

describe("case L17: an artifact path that can keep nothing is a problem", () => {
  const artifacts = (...paths: string[]) =>
    printed(`jobs:\n  a:\n    run: x\n    artifacts: {paths: [${paths.map((one) => `'${one}'`).join(", ")}]}\n`);

  test.each([
    ["$OUT/x", "holds $OUT, which no shell replaces here; write ${env.OUT} for a variable of env"],
    ["$(pwd)/x", "holds $(…), which no shell replaces here"],
    [".git/config", "matches nothing: a folder .git is never kept"],
  ])("%s", (glob, message) => {
    expect(artifacts(glob)).toEqual([`ci.yml:4:25: jobs.a.artifacts.paths: "${glob}" ${message}`]);
  });

  test("and so are paths that others leave out, or that only leave out", () => {
    expect(artifacts("dist", "!dist/**")).toEqual([
      'ci.yml:4:25: jobs.a.artifacts.paths: "dist" matches nothing: "!dist/**" leaves it out',
    ]);
    expect(artifacts("!dist/**")).toEqual([
      'ci.yml:4:25: jobs.a.artifacts.paths only leaves out, so nothing is kept: add what to keep, such as "**"',
    ]);
  });

  test("but a sign that a value brings is a name like any other", () => {
    expect(artifacts("out/$${x", "dist/", "[$]OUT/x")).toEqual([]);
    expect(printed("jobs: {a: {run: x, env: {A: $B}, artifacts: {paths: ['${env.A}/x']}}}\n")).toEqual([]);
  });

  test("a workdir is read by no shell either", () => {
    expect(printed("jobs: {a: {steps: [{run: x, workdir: $HOME/x}]}}\n")).toEqual([
      "ci.yml:1:38: jobs.a.steps[0].workdir: holds $HOME, which no shell replaces here; write ${env.HOME} for a variable of env",
    ]);
  });
});
