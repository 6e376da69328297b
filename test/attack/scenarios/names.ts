import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { Attack } from "../attack.ts";
import { malformed, startCommand } from "../command.ts";
import type { Field } from "../field.ts";
import { lostOf, readTree, writeTree } from "../trees.ts";

/** Names that nobody would choose, of files, branches and jobs. */

const RUN_MS = 120_000;
const RUN_BY_COMMAND_MS = 120_000;

/** Bytes that a file system takes: not all of them are text. */
const FILES: readonly Buffer[] = [
  ...[
    "plain",
    "-rf",
    "--",
    "-",
    "..x",
    "...",
    "x..",
    ".hidden",
    " ",
    " spaces ",
    "a\nb",
    "\n",
    "a\tb",
    "a\rb",
    "\\",
    "a\\nb",
  ],
  ...[
    "'",
    '"',
    "`touch pwned`",
    "$(touch pwned)",
    "$HOME",
    "*",
    "[a]",
    "?",
    "{a,b}",
    "a;b",
    "a|b",
    "!(x)",
    "~",
    "#x",
    "&",
    "%s%n",
  ],
  ...[
    "\u202egpj.exe",
    "\u2066a\u2069",
    "\u200bz",
    "\u00e4",
    "a\u0308",
    "\u{1f600}",
    "\ufeffbom",
    "con",
    "\u0007bell",
    "\u001b[31mred",
  ],
  ...["x".repeat(255), `${"d".repeat(200)}/${"e".repeat(200)}/${"f".repeat(200)}/g`, "deep/-rf/..x/\n/ "],
].map((name) => Buffer.from(name));
const LATIN: readonly Buffer[] = ["caf\xe9", "\xff\xfe", "\x80/\x81", "a\xc3"].map((name) =>
  Buffer.from(name, "latin1"),
);

const BRANCHES: readonly Buffer[] = [
  ...["-rf", "a\u202eb", `x'"$(touch${"\u00a0"}pwned)`, "b".repeat(200), "HEAD", "refs/heads/main", "a;b&c|d"].map(
    (name) => Buffer.from(name),
  ),
  Buffer.from("caf\xe9", "latin1"),
];
const BRANCHES_SHORT = 2;

const JOB_IDS = ["../x", "-rf", "a\u202eb", "a\nb", "x".repeat(300), "", "__proto__", "\u001b[31m"];

export const nameAttacks: readonly Attack[] = [
  {
    name: "names-hostile",
    invariants: [3, 5, 12],
    about:
      "files, artifacts, branches and jobs with names of newlines, other bytes than UTF-8, leading dashes, dots, 255 bytes, bidirectional overrides. Recovery: birth → the run's end",
    short: true,
    async strike(field, short) {
      const hostile = join(field.dir, "hostile");
      writeTree(hostile, [...FILES, ...LATIN]);
      const expected = readTree(hostile);
      await field.addRunner({ slots: 2 });
      const sinceMs = systemClock.monotonicMs();
      const { run, lost } = await artifactsOf(field, hostile, expected);
      const recoveriesMs = [systemClock.monotonicMs() - sinceMs];
      const odd = [...(await printed(field, run)), ...(await jobIds(field))];
      const branches = await onBranches(field, hostile, expected, short ? BRANCHES.slice(-BRANCHES_SHORT) : BRANCHES);
      return {
        faults: expected.size + branches.count + JOB_IDS.length,
        recoveriesMs,
        counts: {
          lostFiles: lost.length + branches.lost.length,
          malformedOutputs: odd.length + branches.odd.length,
          wrongVerdicts: branches.wrong.length,
        },
        findings: [...lost, ...branches.lost, ...odd, ...branches.odd, ...branches.wrong],
      };
    },
  },
];

/** One job makes them, one job gets them, and the archive is unpacked by a tar that is not ours. */
async function artifactsOf(field: Field, hostile: string, expected: ReturnType<typeof readTree>) {
  const run = await field.createRun([
    { id: "makes", bytes: 1_000, script: `cp -a "${hostile}" out || exit 8`, artifacts: { paths: ["out/**"] } },
    {
      id: "takes",
      needs: ["makes"],
      bytes: 1_000,
      script: `diff -r "${hostile}" out > /dev/null || exit 9`,
      artifacts: { from: ["makes"] },
      before: `--- artifacts of makes: ${expected.size} files\n`,
    },
  ]);
  await field.runEnds(run, RUN_MS);
  const { artifacts } = await field.client.call("listArtifacts", { params: { run } });
  const [archive, into] = [join(field.dir, "archive"), join(field.dir, "unpacked")];
  mkdirSync(join(into, "out"), { recursive: true });
  for (const { jobId: job, artifact } of artifacts) {
    const { url } = await field.client.call("getArtifact", { params: { run }, query: { job, name: artifact.name } });
    writeFileSync(archive, Buffer.from(await (await fetch(url)).arrayBuffer()));
    // It warns of an extension that it does not need: kept for a failure's message.
    execFileSync("tar", ["-xzf", archive, "-C", into], { stdio: "pipe" });
  }
  return { run, lost: lostOf(expected, readTree(join(into, "out"))).map((one) => `of the artifact, ${one}`) };
}

/** What the command prints of that run, in text and in JSON. */
async function printed(field: Field, run: string): Promise<string[]> {
  const commands: readonly (readonly string[])[] = [
    ["runs", "show", run],
    ["runs", "show", run, "--json"],
    ["runs", "logs", run, "makes"],
    ["runs", "artifacts", run, "--download", join(field.dir, "downloaded")],
    ["explain", run],
    ["explain", run, "--json"],
  ];
  const found: string[] = [];
  for (const args of commands) {
    const end = await startCommand(args, { cwd: field.dir, env: field.environment() }).ended;
    const what = `baton ${args.join(" ")}`;
    if (end.code !== 0) found.push(`${what} ended with ${end.code}: ${end.stderr.slice(0, 300)}`);
    found.push(...malformed(what, end, args.includes("--json")));
  }
  return found;
}

/** A definition that names a job so is refused, in words that show what it is. */
async function jobIds(field: Field): Promise<string[]> {
  const files = JOB_IDS.map((id, number) => {
    const file = join(field.dir, `job-${number}.yml`);
    writeFileSync(file, `{"jobs": {${JSON.stringify(id)}: {"run": "true"}}}`);
    return file;
  });
  const found: string[] = [];
  for (const json of [false, true]) {
    const args = ["validate", ...(json ? ["--json"] : []), ...files];
    const end = await startCommand(args, { cwd: field.dir, env: {} }).ended;
    const unnamed = files.filter((file) => !end.stdout.includes(file));
    if (end.code !== 1 || unnamed.length > 0)
      found.push(`validate of hostile job ids ended with ${end.code}, and took ${unnamed}: ${end.stderr}`);
    found.push(...malformed("validate of hostile job ids", end, json));
  }
  return found;
}

/** `baton run` on each branch, in a working tree of such files, which are its step's, and its artifacts, byte for byte. */
async function onBranches(
  field: Field,
  hostile: string,
  expected: ReturnType<typeof readTree>,
  branches: readonly Buffer[],
) {
  const project = join(field.dir, "repository");
  mkdirSync(project);
  execFileSync("cp", ["-a", hostile, join(project, "hostile")]);
  const run = `diff -r "${hostile}" hostile > /dev/null || exit 9`;
  const job = { name: `On $${"{git.branch}"}`, run, artifacts: { paths: ["hostile/**"] } };
  writeFileSync(join(project, "p.yml"), JSON.stringify({ jobs: { job } }));
  const git = (...args: string[]) =>
    spawnSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: project });
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "--message", "all");
  const sha = git("rev-parse", "HEAD").stdout.toString();
  const lost: string[] = [];
  const odd: string[] = [];
  const wrong: string[] = [];
  for (const branch of branches) {
    const shown = JSON.stringify(branch.toString("latin1").slice(0, 40));
    checkOut(project, branch, sha);
    const into = join(field.dir, "kept");
    const args = ["run", "p.yml", "--json", "--artifacts", into];
    const { child, ended } = startCommand(args, { cwd: project, env: { TMPDIR: field.dir } });
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_BY_COMMAND_MS);
    const end = await ended;
    clearTimeout(timer);
    odd.push(...malformed(`baton run on ${shown}`, end, true));
    if (end.code !== 0) wrong.push(`baton run on ${shown} ended with ${end.code}: ${end.stderr.slice(-400)}`);
    else lost.push(...lostOf(expected, readTree(join(into, "job/hostile"))).map((one) => `on branch ${shown}, ${one}`));
    rmSync(into, { recursive: true, force: true });
  }
  return { count: branches.length, lost, odd, wrong };
}

/** As git keeps a branch, without git, which names not all of them on a command line. */
function checkOut(project: string, branch: Buffer, sha: string): void {
  const ref = Buffer.concat([Buffer.from(join(project, ".git/refs/heads/")), branch]);
  mkdirSync(Buffer.from(dirname(ref.toString("latin1")), "latin1"), { recursive: true });
  writeFileSync(ref, sha);
  writeFileSync(
    join(project, ".git/HEAD"),
    Buffer.concat([Buffer.from("ref: refs/heads/"), branch, Buffer.from("\n")]),
  );
}
