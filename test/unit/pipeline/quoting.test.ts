// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
import { expect, test } from "vitest";
import { printProblem } from "../../../shared/pipeline/problem.ts";
import { validateText } from "../../../shared/pipeline/validate-text.ts";

/** What people write without quotes, and what they read then. Without a message: it is good as it is. */
const UNQUOTED: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  [
    "- *.log",
    "jobs:\n  a:\n    run: x\n    artifacts:\n      paths:\n        - *.log\n",
    "6:11: no anchor \".log\" stands before this alias; if it is text, quote it: '*.log'",
  ],
  [
    "- !x",
    "jobs:\n  a:\n    run: x\n    artifacts:\n      paths:\n        - out/**\n        - !x\n",
    "7:11: a value that begins with ! is a tag, and tags are not read; quote it: '!x'",
  ],
  [
    "- !dist/**/*.map",
    "jobs:\n  a:\n    run: x\n    artifacts:\n      paths:\n        - out/**\n        - !dist/**/*.map\n",
    "7:11: a value that begins with ! is a tag, and tags are not read; quote it: '!dist/**/*.map'",
  ],
  [
    "flow *.log",
    "jobs:\n  a:\n    run: x\n    artifacts: {paths: [*.log]}\n",
    "4:25: no anchor \".log\" stands before this alias; if it is text, quote it: '*.log'",
  ],
  [
    "*",
    "on:\n  push:\n    branches:\n      - *\njobs:\n  a:\n    run: x\n\n",
    "4:9: a value that begins with * is an alias; quote it: '*'",
  ],
  [
    "**",
    "on:\n  push:\n    branches: [**]\njobs:\n  a:\n    run: x\n\n",
    "3:16: no anchor \"*\" stands before this alias; if it is text, quote it: '**'",
  ],
  [
    "*/x",
    "on:\n  push:\n    branches: [ */x ]\njobs:\n  a:\n    run: x\n\n",
    "3:17: no anchor \"/x\" stands before this alias; if it is text, quote it: '*/x'",
  ],
  [
    "run a: b",
    "jobs:\n  a:\n    run: echo a: b\n",
    '3:10: text with ": " in it, or ":" at its end, is a map; quote it: \'echo a: b\'',
  ],
  [
    "run [ -f",
    "jobs:\n  a:\n    run: [ -f x ] && y\n",
    "3:10: a value that begins with [ is a list; quote it: '[ -f x ] && y'",
  ],
  [
    "run {",
    "jobs:\n  a:\n    run: { echo; }\n",
    "3:10: jobs.a.run must be text, not a map; if it is text, quote it: '{ echo; }'",
  ],
  ["key @x", "jobs:\n  a:\n    run: x\n    name: @x\n", "4:11: no value can begin with @; quote it: '@x'"],
  ["key %x", "jobs:\n  a:\n    run: x\n    name: %x\n", "4:11: no value can begin with %; quote it: '%x'"],
  ["%x line", "%x\njobs:\n  a:\n    run: x\n\n", "2:1: a line that begins with % is a directive of YAML: quote it"],
  ["backtick", "jobs:\n  a:\n    run: x\n    name: `date`\n", "4:11: no value can begin with `; quote it: '`date`'"],
  [
    "{{ x }}",
    "jobs:\n  a:\n    run: x\n    name: {{ x }}\n",
    "4:11: jobs.a.name must be text, not a map; if it is text, quote it: '{{ x }}'",
    "4:12: a key must be a plain word",
  ],
  [
    "{{ x }} rest",
    "jobs:\n  a:\n    run: x\n    name: {{ x }} rest\n",
    "4:11: a value that begins with { is a map; quote it: '{{ x }} rest'",
  ],
  [
    "${{ x }}",
    "jobs:\n  a:\n    run: x\n    name: ${{ x }}\n",
    '4:11: "${{ x }" is not known; there are run.id, git.sha, git.branch, git.tag and env.NAME',
  ],
  ["tab indent", "jobs:\n\ta:\n    run: x\n", "2:1: a tab cannot indent YAML; use spaces"],
  ["tab value", "jobs:\n  a:\n\t  run: x\n", "3:1: a tab cannot indent YAML; use spaces"],
  [
    "yes",
    "jobs:\n  a:\n    run: x\n    allow_failure: yes\n",
    '4:20: jobs.a.allow_failure must be true or false, not "yes" (did you mean "true"?)',
  ],
  [
    "on",
    "supersede: on\njobs:\n  a:\n    run: x\n\n",
    '1:12: supersede must be true or false, not "on" (did you mean "true"?)',
  ],
  [
    "- - -",
    "jobs:\n  a:\n    run: x\n    needs: - - -\n",
    "4:12: a value that begins with - is a list; quote it: '- - -'",
  ],
  ["run - - -", "jobs:\n  a:\n    run: - - -\n", "3:10: a value that begins with - is a list; quote it: '- - -'"],
  ["run - x", "jobs:\n  a:\n    run: - x\n", "3:10: a value that begins with - is a list; quote it: '- x'"],
  ["# in value", "jobs:\n  a:\n    run: echo # x\n"],
  [
    "# only",
    "jobs:\n  a:\n    run: # x\n",
    "3:10: jobs.a.run must be text, not nothing (# begins a comment; quote it: '# x')",
  ],
  [
    "#a",
    "jobs:\n  a:\n    run: x\n    name: #12 fix\n",
    "4:11: jobs.a.name must be text, not nothing (# begins a comment; quote it: '#12 fix')",
  ],
  [
    ": in step name",
    "jobs:\n  a:\n    steps:\n      - name: build: all\n        run: x\n",
    '4:15: text with ": " in it, or ":" at its end, is a map; quote it: \'build: all\'',
  ],
  ['lone "', 'jobs:\n  a:\n    run: x\n    name: say "hi\n'],
  ['lone " start', 'jobs:\n  a:\n    run: x\n    name: "hi\n', "4:11: the quote \" is not closed; quote it: 'hi'"],
  ["' start", "jobs:\n  a:\n    run: x\n    name: 'hi\n", "4:11: the quote ' is not closed; quote it: 'hi'"],
  [
    '"a" b',
    'jobs:\n  a:\n    run: "$X" y\n',
    '3:10: a value that begins with " ends with the next "; quote it: \'"$X" y\'',
  ],
  [
    "'a' b",
    "jobs:\n  a:\n    run: 'x' 'y'\n",
    "3:10: a value that begins with ' ends with the next '; quote it: \"'x' 'y'\"",
  ],
  [
    "don't",
    "jobs:\n  a:\n    run: x\n    name: 'don't'\n",
    "4:11: a value that begins with ' ends with the next '; quote it: \"don't\"",
  ],
  ["&x", "jobs:\n  a:\n    run: &x\n", "3:12: jobs.a.run must be text, not nothing"],
  ["& cmd", "jobs:\n  a:\n    run: & x\n", "3:10: a value that begins with & is an anchor; quote it: '& x'"],
  [
    "> x",
    "jobs:\n  a:\n    run: > out.txt\n",
    "3:10: a value that begins with > is a block of lines; quote it: '> out.txt'",
  ],
  ["| x", "jobs:\n  a:\n    run: | cat\n", "3:10: a value that begins with | is a block of lines; quote it: '| cat'"],
  ["? x", "jobs:\n  a:\n    run: ? x\n", "3:10: a value that begins with ? is a key; quote it: '? x'"],
  [", x", "jobs:\n  a:\n    run: , x\n", "3:10: no value can begin with ,; quote it: ', x'"],
  ["] x", "jobs:\n  a:\n    run: ] x\n", "3:10: no value can begin with ]; quote it: '] x'"],
  ["} x", "jobs:\n  a:\n    run: } x\n", "3:10: no value can begin with }; quote it: '} x'"],
  [
    "!x run",
    "jobs:\n  a:\n    run: ! grep x y\n",
    "3:10: a value that begins with ! is a tag, and tags are not read; quote it: '! grep x y'",
  ],
  [
    "!grep",
    "jobs:\n  a:\n    run: !grep x y\n",
    "3:10: a value that begins with ! is a tag, and tags are not read; quote it: '!grep x y'",
  ],
  ["*x run", "jobs:\n  a:\n    run: *x y\n", "3:10: a value that begins with * is an alias; quote it: '*x y'"],
  ["no colon", "jobs:\n  a\n    run: x\n", "2:3: is a \":\" missing after 'a'?"],
  ["indent", "jobs:\n  a:\n    run: x\n   name: y\n", "4:4: entries of one map must start at the same column"],
  [
    "list item misindent",
    "jobs:\n  a:\n    steps:\n    - run: x\n   - run: y\n",
    "5:4: the dashes of one list must stand in the same column",
  ],
  [
    "C:\\x dq",
    'jobs:\n  a:\n    run: x\n    name: "C:\\x"\n',
    "4:11: in double quotes a backslash begins an escape; quote it: 'C:\\x'",
  ],
  [
    "glob needs",
    "on:\n  push:\n    paths: [src/**, !src/*.md]\njobs:\n  a:\n    run: x\n\n",
    "3:21: a value that begins with ! is a tag, and tags are not read; quote it: '!src/*.md'",
  ],
  [
    "trailing colon",
    "jobs:\n  a:\n    run: echo done:\n",
    '3:10: text with ": " in it, or ":" at its end, is a map; quote it: \'echo done:\'',
  ],
  [
    "url",
    "jobs:\n  a:\n    run: curl http://x: y\n",
    '3:10: text with ": " in it, or ":" at its end, is a map; quote it: \'curl http://x: y\'',
  ],
  [
    "json",
    'jobs:\n  a:\n    run: echo {"a": 1}\n',
    '3:10: text with ": " in it, or ":" at its end, is a map; quote it: \'echo {"a": 1}\'',
  ],
  [
    "cron",
    "on:\n  schedule:\n    - cron: * 4 * * *\njobs:\n  a:\n    run: x\n\n",
    "3:13: a value that begins with * is an alias; quote it: '* 4 * * *'",
  ],
  [
    "cron2",
    "on:\n  schedule:\n    - cron: */5 4 * * *\njobs:\n  a:\n    run: x\n\n",
    "3:13: a value that begins with * is an alias; quote it: '*/5 4 * * *'",
  ],
];

test.each(UNQUOTED)("case L18: %s is told with the cure, at the start of its value", (_title, text, ...problems) => {
  expect(validateText(text, "ci.yml").map(printProblem)).toEqual(problems.map((problem) => `ci.yml:${problem}`));
});
