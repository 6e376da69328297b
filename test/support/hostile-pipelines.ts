// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language under test writes ${…}
const fill = (unit: string, bytes: number) => unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
const seq = (n: number, f: (i: number) => string) => Array.from({ length: n }, (_, i) => f(i)).join("");
const lines = (bytes: number, f: (i: number) => string, head = "") => {
  let t = head;
  for (let i = 0; t.length < bytes - 64; i++) t += f(i);
  return t.slice(0, bytes);
};
/** A valid rest of a file. */
const J = "jobs: {a: {run: x}}\n";
/** Texts that a stranger may send, by what they strain; `bytes` is about how long one is. */
export const HOSTILE_PIPELINES: Readonly<Record<string, (bytes: number) => string>> = {
  commas: (b) => fill("[,,,,", b),
  braces: (b) => fill("}}}}", b),
  brackets: (b) => fill("]]]]", b),
  open: (b) => fill("[", b),
  openmap: (b) => fill("{a: ", b),
  dashes: (b) => fill("- ", b),
  dashdash: (b) => fill("---\n", b),
  dots: (b) => fill("...\n", b),
  colons: (b) => fill(": ", b),
  colonnl: (b) => fill(":\n", b),
  questions: (b) => fill("? ", b),
  questionsnl: (b) => fill("?\n", b),
  nested: (b) => lines(b, (i) => `${" ".repeat(Math.min(i, 700))}a:\n`),
  anchors: (b) => fill("&a ", b),
  anchors2: (b) => lines(b, (i) => `&a${i} `),
  anchorLines: (b) => lines(b, (i) => `k${i}: &a${i} x\n`, J),
  aliases: (b) => lines(b, () => `  - *a\n`, "x: &a [1]\ny:\n"),
  unknownAliases: (b) => lines(b, (i) => `  - *a${i}\n`, "y:\n"),
  bomb: () => `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${seq(30, (i) => `a${i + 1}: &a${i + 1} [${fill(`*a${i},`, 60)}]\n`)}`,
  self: () => "&a [*a]",
  keys: (b) => lines(b, (i) => `k${i}: 1\n`),
  keysInline: (b) => `{${lines(b - 1, (i) => `k${i}: 1,`)}}`,
  dupkeys: (b) => fill("a: 1\n", b),
  longScalar: (b) => `jobs: {a: {run: x}}\nk: ${fill("x", b - 30)}`,
  longQuoted: (b) => `k: "${fill("x\\n", b - 8)}"`,
  badEscapes: (b) => `k: "${fill("\\q", b - 8)}"`,
  openQuote: (b) => `k: "${fill("x\n ", b - 8)}`,
  openSingle: (b) => `k: '${fill("x\n ", b - 8)}`,
  quotes: (b) => fill('"', b),
  squotes: (b) => fill("'", b),
  block: (b) => `k: |\n${fill("  x\n", b - 8)}`,
  blockNl: (b) => `k: |\n${fill("\n", b - 8)}`,
  blocks: (b) => fill("|\n", b),
  folded: (b) => `k: >\n${fill("  x\n\n", b - 8)}`,
  plainMulti: (b) => `k: x\n${fill("  x\n", b - 8)}`,
  tags: (b) => fill("!a ", b),
  tagLines: (b) => lines(b, (i) => `k${i}: !t${i} x\n`),
  comments: (b) => fill("# x\n", b),
  commentsInMap: (b) => fill("a:\n# x\n", b),
  commentIn: (b) => `a:\n${fill("  # x\n", b - 10)}  b: 1`,
  comment1: (b) => `#${fill("x", b - 1)}`,
  tabs: (b) => fill("\t", b),
  tabLines: (b) => fill("a:\n\tb\n", b),
  spaces: (b) => fill(" ", b),
  newlines: (b) => fill("\n", b),
  cr: (b) => fill("\r", b),
  crlf: (b) => fill("a\r\n", b),
  directives: (b) => fill("%YAML 1.2\n", b),
  directives2: (b) => fill("%FOO x\n", b),
  percent: (b) => fill("%", b),
  at: (b) => fill("@ ", b),
  backtick: (b) => fill("`\n", b),
  stars: (b) => fill("*", b),
  starsp: (b) => fill("* ", b),
  amps: (b) => fill("&", b),
  bangs: (b) => fill("!", b),
  mixed: (b) => fill('[{"a": \'', b),
  mixed2: (b) => fill("- [a, {b: c}\n", b),
  flowseqs: (b) => fill("- [a]\n", b),
  flowbad: (b) => fill("- [a\n", b),
  flowbad2: (b) => fill("- {a\n", b),
  flowmulti: (b) => `k: [${fill("a,\n ", b - 10)}]`,
  flowmultiBadIndent: (b) => `k:\n  [${fill("a,\n", b - 10)}]`,
  merges: (b) => lines(b, (i) => `k${i}: {<<: *a}\n`, `a: &a {${seq(100, (i) => `m${i}: 1,`)}}\n`),
  unknownInJobs: (b) => lines(b, (i) => `    kk${i}: 1\n`, "jobs:\n  a:\n    run: x\n"),
  unknownNear: (b) => lines(b, (i) => `    timeoutt${i % 10000}: 1\n`, "jobs:\n  a:\n    run: x\n"),
  cycle: () => `jobs:\n${seq(250, (i) => `  j${i}: {run: x, needs: [${seq(64, (k) => `j${(i + k + 1) % 250},`)}]}\n`)}`,
  needsUnknown: () => `jobs:\n${seq(250, (i) => `  j${i}: {run: x, needs: [${seq(64, (k) => `jx${i}y${k},`)}]}\n`)}`,
  dag: () =>
    `jobs:\n${seq(250, (i) => `  j${i}: {run: x, needs: [${seq(Math.min(i, 64), (k) => `j${i - 1 - k},`)}]}\n`)}`,
  dagNoNeedArt: () =>
    "jobs:\n" +
    seq(250, (i) => `  j${i}: {run: x, artifacts: {from: [${seq(64, (k) => `j${(i + 1 + k) % 250},`)}]}}\n`),
  envs: () =>
    `jobs:\n  a:\n    run: x\n    env:\n${seq(256, (i) => `      E${i}: "\${env.E${i + 1}}\${env.E${i + 1}}"\n`)}`,
  envsBig: () =>
    "env: {A: " +
    fill("x", 32000) +
    "}\njobs:\n" +
    seq(1000, (i) => `  j${i}:\n    run: x\n    env:\n      B: "${fill("${env.A}", 32)}"\n`),
  envsMany: () =>
    "env:\n" +
    seq(256, (i) => `  E${i}: ${fill("x", 500)}\n`) +
    "jobs:\n" +
    seq(1000, (i) => `  j${i}: {run: x, env: {F: "\${env.E1}"}}\n`),
  stepsMany: () =>
    "env:\n" +
    seq(255, (i) => `  E${i}: x\n`) +
    "x: &s {run: x, env: {F: y}}\njobs:\n  a: &j\n    steps: [" +
    seq(100, () => "*s,") +
    "]\n" +
    seq(999, (i) => `  j${i}: *j\n`),
  unknownEnvs: () =>
    "env:\n" +
    seq(256, (i) => `  E${i}: x\n`) +
    "jobs:\n" +
    seq(1000, (i) => `  j${i}: {run: x, name: "\${env.EX${i}}\${env.EY${i}}\${env.EZ${i}}"}\n`),
  nestedInterp: (b) => `jobs: {a: {run: x, name: "${fill("${", b - 60)}"}}`,
  dollars: (_b) => `jobs: {a: {run: x, env: {A: "${fill("$${", 32000)}"}}}`,
  interps: (b) =>
    `env: {A: ""}\njobs: {a: {run: x, env: {B: "${fill("${env.A}", b - 60).replace(/\$\{[^}]*$/, "")}"}}}`,
  interpsUnknown: (b) =>
    `jobs: {a: {run: x, env: {B: "${lines(b - 60, (i) => `\${env.A${i}}`).replace(/\$\{[^}]*$/, "")}"}}}`,
  globs: () => `on: {push: {branches: [${seq(64, (i) => `"a*b*c*${i}/**/x/**/y{${fill("a,", 180)}b}",`)}]}}\n${J}`,
  globs2: () => `on: {push: {branches: [${seq(64, (i) => `"${fill("{a,{b,", 120)}${i}${fill("}", 40)}",`)}]}}\n${J}`,
  globs3: () => `on: {push: {branches: [${seq(64, (i) => `"${fill("[a-z]?", 240)}${i}",`)}]}}\n${J}`,
  globs4: () => `on: {push: {branches: [${seq(64, (i) => `"${i}${fill("{1..9}", 240)}",`)}]}}\n${J}`,
  crons: () =>
    "on: {schedule: [" +
    seq(16, () => `{cron: "${fill("*/1,", 100000 / 16 - ((100000 / 16) % 4))}* * * * *"},`) +
    "]}\n" +
    J,
  crons2: () => `on: {schedule: [${seq(16, (i) => `{cron: "${i} 0 29 2 mon"},{cron: "${i} 0 31 2 *"},`)}]}\n${J}`,
  durations: (b) => `jobs: {a: {run: x, timeout: ${fill("1h", b - 60)}}}`,
  longkey: (b) => `${fill("k", b - 10)}: 1\n`,
  longkeys: (b) => lines(b, (i) => `${fill("k", 900) + i}: 1\n`),
  surrogates: (b) => fill("😀", b / 2),
  nul: (b) => fill("\0", b),
  fe: (b) => fill("\ufeff", b / 3),
  nel: (b) => fill("\u0085\n", b / 2),
  seqInSeq: (b) => lines(b, (i) => `${" ".repeat(Math.min(i, 500))}-\n`),
  undent: (b) => fill("    a: 1\n  b: 2\n", b),
  undent2: (b) => `a:\n${lines(b, (i) => `${" ".repeat(300 - (i % 300))}b: 1\n`)}`,
  missingcolon: (b) => fill("abc\n", b),
  missingcolon2: (b) => fill("a: 1\nabc\n", b),
  flowNoComma: (b) => `k: [${fill("'a' ", b - 10)}]`,
  flowNoComma2: (b) => `k: {${fill("'a' 'b' ", b - 10)}}`,
  quotedKeys: (b) => fill('"a" "b"\n', b),
  implicitLong: (b) => lines(b, () => `[${fill("a,", 1100)}]: x\n`),
  anchorDup: (b) => fill("- &a x\n- *a\n", b),
  stepNames: () =>
    "env: {A: " +
    fill("x", 30000) +
    "}\njobs:\n" +
    seq(250, (i) => `  j${i}: {steps: [${fill('{run: x, name: "${env.A}"},', 2600)}]}\n`),
  stepEnvs: () =>
    "env:\n" +
    seq(250, (i) => `  E${i}: x\n`) +
    "jobs:\n" +
    seq(40, (i) => `  j${i}: {steps: [${fill("{run: x, env: {A: y}},", 2200)}]}\n`),
  stepsDeep: (b) => lines(b, (i) => `    - {run: x, bad${i}: y}\n`, "jobs:\n  a:\n    steps:\n"),
};
