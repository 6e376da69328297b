// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";

/** Mistakes in the structure of a file, and what is said of them: never the parser's own words. */
const MISTAKES: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  [
    "a key that is indented too deep",
    "jobs:\n  a:\n    run: x\n      env: {}\n",
    '3:10: the line below is indented deeper than "run": keys of one map start at the same column, and text of several lines follows "run: |"',
  ],
  [
    "a script of several lines without |",
    "jobs:\n  a:\n    run:\n      echo a\n      echo b: c\n",
    '4:7: text of several lines needs a "|": write "run: |" above it',
  ],
  [
    "a block that is not indented",
    "jobs:\n  a:\n    run: |\n    echo x\n",
    "3:10: jobs.a.run must not be empty",
    '4:5: the lines of a block are indented deeper than its key "run"',
  ],
  [
    "a tab in a block's indentation",
    "jobs:\n  a:\n    run: |\n     echo x\n    \techo y\n",
    "5:5: a tab cannot indent YAML; use spaces",
  ],
  [
    "a key of a list's item at no item's column",
    "jobs:\n  a:\n    steps:\n    - run: x\n     name: y\n",
    "5:1: this belongs to no item of the list above: begin it with a dash, or at the column of the item's first key",
  ],
  [
    "a reserved sign inside of a map",
    "jobs:\n  a:\n    env: {A: @x}\n    run: x\n",
    "3:14: no value can begin with @; quote it: '@x'",
  ],
  [
    "* inside of a list",
    "on:\n  push:\n    branches: [*]\njobs:\n  a:\n    run: x\n",
    "3:16: a value that begins with * is an alias; quote it: '*'",
  ],
  [
    "${…} inside of a map",
    "jobs:\n  a:\n    run: x\n    env: {A: ${env.X}}\n",
    "4:14: inside [ ] and { } YAML takes { for a map of its own; quote it: '${env.X}'",
  ],
  ["a comma too many", "jobs:\n  a:\n    needs: [a, , b]\n    run: x\n", "3:16: there is a comma too many"],
  [
    "a list that is not closed",
    "jobs:\n  a:\n    needs: [a, b\n    run: x\n",
    "4:5: a list that begins with [ above is not closed: ] is missing, or its lines must be indented deeper",
  ],
  [
    "a map that is not closed",
    '{"jobs": {"a": {"run": "x"}}',
    "1:29: a map that begins with { above is not closed: } is missing, or its lines must be indented deeper",
  ],
  [
    "no space after a colon",
    "jobs:\n  a:\n    env: {A:b}\n    run: x\n",
    `3:11: "A:b" is not a variable's name: a space is missing after the colon`,
    '3:11: jobs.a.env."A:b" must be text, not nothing',
  ],
  [
    "carriage returns alone",
    "jobs:\r  a:\r    run: x\r",
    "1:6: a carriage return alone ends no line: save the file with line feeds",
  ],
  [
    "a conflict",
    "<<<<<<< HEAD\njobs:\n  a:\n    run: x\n=======\njobs:\n>>>>>>> b\n",
    "1:1: a conflict of a merge is not resolved here",
    "5:1: a conflict of a merge is not resolved here",
    "7:1: a conflict of a merge is not resolved here",
  ],
  [
    "blanks of a web page",
    "jobs:\n  a:\n    run: x\n\u00a0\u00a0\u00a0\u00a0env: {}\n",
    '4:1: unknown key "\u00a0\u00a0\u00a0\u00a0env" in the file; it begins with blanks that are no spaces',
  ],
];

test.each(MISTAKES)("case L18: %s is told in words, with the cure", (_title, text, ...problems) => {
  expect(validateText(text, "ci.yml").map(printProblem)).toEqual(problems.map((problem) => `ci.yml:${problem}`));
});
