import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { openRunnerSandbox } from "../../runner/sandbox/runner-sandbox.ts";
import { eventually } from "../support/eventually.ts";

/** `baton up` with hostile steps: what they print is searched for all that they must not know. */

const INSTALLATION = fileURLToPath(new URL("../..", import.meta.url));
const script = (name: string) => readFileSync(new URL(`../support/${name}`, import.meta.url), "utf8");
/** Reads alone, so that it may run without a sandbox. The other would do harm there, and refuses. */
const LOOK = script("snoop-look.sh");
const MEDDLE = script("snoop-meddle.sh");
const SECRET = "s3cret-of-another-job-4711";
const NOBODY = 65_534;
/** A place that steps of every pool see, unlike /tmp: what is secret there must be hidden by itself. */
const PARENT = process.getuid?.() === 0 ? "/opt" : homedir();
const LOAD_MS = 60_000;

const hasSandbox = await canSandbox();
const isRoot = process.getuid?.() === 0;
const users = isRoot ? [0, NOBODY] : [process.getuid?.() ?? 0];

async function canSandbox(): Promise<boolean> {
  const scratch = mkdtempSync(join(tmpdir(), "baton-can-"));
  const opened = await openRunnerSandbox({
    path: process.env["PATH"] ?? "",
    pools: ["default", "forks"],
    ...{ homes: [], hide: [], readOnly: [], expose: [], scratch },
  });
  rmSync(scratch, { recursive: true });
  return !("why" in opened);
}

interface Place {
  readonly root: string;
  readonly project: string;
  readonly home: string;
  readonly uid: number;
}

let place: Place | undefined;
let running: { pid: number; ended: Promise<unknown> } | undefined;
afterEach(async () => {
  if (running !== undefined) {
    process.kill(running.pid, "SIGTERM");
    await running.ended;
  }
  running = undefined;
  // A step that got out may have mounted the host there: then nothing is removed.
  if (place !== undefined && !readFileSync("/proc/self/mountinfo", "utf8").includes(place.root))
    rmSync(place.root, { recursive: true, force: true, maxRetries: 10 });
  place = undefined;
});

const indent = (text: string) => text.replaceAll(/^/gm, "          ");

function makePlace(uid: number): Place {
  const root = mkdtempSync(join(PARENT, "baton-walls-"));
  const made = { root, project: join(root, "above", "project"), home: join(root, "home"), uid };
  const job = (pool: string, scripts: readonly string[]) => `  ${pool === "default" ? "spy" : pool}:
    pool: ${pool}
    env: {HIT: 'gotcha', STATE: '${made.project}/.baton/state', CONFIG: '${made.home}/.config/baton', SECRETS: '${made.project}/secrets.env', PROJECT: '${made.project}', REAL_HOME: '${made.home}', INSTALLATION: '${INSTALLATION}'}
    steps:
${scripts.map((text) => `      - run: |\n${indent(text)}`).join("\n")}
      - run: |
          echo "still able to work"
          test "$(cat "$HOME/mark" "$TMPDIR/mark" mark 2>/dev/null | wc -c)" = 0
          echo x | tee "$HOME/mark" "$TMPDIR/mark" mark
`;
  const files: Record<string, string> = {
    ".baton/hold.yml": "jobs: {keeper: {secrets: [KEY], run: 'echo $KEY > held; echo holding; sleep 600'}}\n",
    ".baton/own.yml": `jobs:\n${job("default", [LOOK])}`,
    ".baton/both.yml": `jobs:\n${job("default", [LOOK, MEDDLE])}${job("forks", [LOOK, MEDDLE])}`,
    ".gitignore": "secrets.env\n",
    "secrets.env": `KEY=${SECRET}\n`,
    "../../home/.config/baton/config.yml": "url: http://127.0.0.1:1\ntoken: config-token-0815-0815-0815\n",
    "../../home/.ssh/id_ed25519": "private-key-of-the-user-99\n",
    "../../home/.profile": "\n",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made.project, path)), { recursive: true });
    writeFileSync(join(made.project, path), text, { mode: 0o600 });
  }
  chmodSync(root, 0o755);
  const git = (...args: string[]) => execFileSync("git", args, { cwd: made.project });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first");
  if (isRoot) execFileSync("chown", ["-R", `${uid}:${uid}`, root]);
  return made;
}

function baton({ project, home, uid, root }: Place, args: readonly string[]) {
  mkdirSync(join(root, "tmp"), { recursive: true, mode: 0o777 });
  chmodSync(join(root, "tmp"), 0o777);
  const child = spawn(process.execPath, [join(INSTALLATION, "cli", "baton.mjs"), ...args], {
    cwd: project,
    env: { PATH: process.env["PATH"] ?? "", HOME: home, TMPDIR: join(root, "tmp") },
    stdio: ["ignore", "pipe", "pipe"],
    ...(isRoot ? { uid, gid: uid } : {}),
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part: Buffer) => {
      said += part.toString();
    });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { pid: child.pid ?? 0, said: () => said, ended };
}

/** Starts it, with another job that holds a secret. */
async function upWithKeeper(uid: number, args: readonly string[]): Promise<{ place: Place; said(): string }> {
  const made = makePlace(uid);
  place = made;
  const up = baton(made, ["up", "--port", "0", "--slots", "3", "--secrets-file", "secrets.env", ...args]);
  running = up;
  await eventually(`baton up serves: ${up.said()}`, () => up.said().includes("Baton is up at"), LOAD_MS);
  const created = baton(made, ["runs", "create", ".baton/hold.yml"]);
  await created.ended;
  const [runId = ""] = /run_\w+/.exec(created.said()) ?? [];
  expect(runId, created.said()).not.toBe("");
  await eventually(
    "the keeper holds its secret",
    async () => {
      const logs = baton(made, ["runs", "logs", runId, "keeper"]);
      await logs.ended;
      return logs.said().includes("holding");
    },
    LOAD_MS,
  );
  return { place: made, said: up.said };
}

async function logOf(made: Place, file: string): Promise<string> {
  const run = baton(made, ["runs", "create", file, "--follow"]);
  await run.ended;
  return run.said();
}

/** All that is secret in the state folder: whole small files, and the longer words in them. */
function secretsOf({ project, home }: Place): string[] {
  const state = join(project, ".baton", "state");
  const texts = readdirSync(state).flatMap((name) => {
    const file = join(state, name);
    if (!statSync(file).isFile() || !/token|key|secret/.test(name)) return [];
    return [readFileSync(file, "latin1")];
  });
  const words = texts.flatMap((text) => text.match(/[\w+/=.-]{24,}/g) ?? []);
  expect(words.length).toBeGreaterThan(1);
  return [
    ...words.slice(0, 200),
    SECRET,
    "config-token-0815",
    readFileSync(join(home, ".ssh", "id_ed25519"), "utf8").trim(),
  ];
}

const foundIn = (log: string, secrets: readonly string[]) => secrets.filter((secret) => log.includes(secret));

describe.skipIf(!hasSandbox).each(users)("baton up as user %i", (uid) => {
  test("case A2, SECURITY 19, 23 and 24: no step of any pool reads a key, a token or another job's secret", async () => {
    const { place: made } = await upWithKeeper(uid, ["--pool", "default", "forks"]);
    const log = await logOf(made, ".baton/both.yml");
    expect(log).toContain("still able to work");
    expect(log).toContain("== end");
    expect(foundIn(log, secretsOf(made))).toEqual([]);
    expect(log.match(/│ gotcha .*/g)).toBe(null);
  }, 300_000);

  // As root it would read what is none of ours.
  test.skipIf(uid === 0 || !isRoot)(
    "without a sandbox the same step finds them, and baton up says so in one line",
    async () => {
      const { place: made, said } = await upWithKeeper(uid, ["--no-sandbox"]);
      expect(said()).toMatch(/^baton: no sandbox \(--no-sandbox\): steps can read Baton's keys and tokens.*\n/m);
      const log = await logOf(made, ".baton/own.yml");
      expect(foundIn(log, secretsOf(made)).length).toBeGreaterThan(3);
    },
    300_000,
  );

  test("a second pool without a sandbox is refused, in one line that says how", async () => {
    const made = makePlace(uid);
    place = made;
    const up = baton(made, ["up", "--port", "0", "--no-sandbox", "--pool", "default", "forks"]);
    expect(await up.ended).toBe(2);
    expect(up.said()).toMatch(/^baton: pool "forks" needs a sandbox[^\n]*--no-runner[^\n]*\n$/);
    expect(readdirSync(join(made.project, ".baton"))).not.toContain("state");
  });
});
