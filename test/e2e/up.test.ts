import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { baton, type CliProcess, descendantsOf, isAlive, makePlace, type Place } from "./cli-process.ts";

/** `baton up` and the commands that talk to it, each a process of its own as a user starts them. */

const PIPELINE = `jobs:
  build:
    run: |
      mkdir out
      printf '\\033[31mred\\033[0m \\033]0;title\\007text\\n' > out/app
      cat out/app
    artifacts: {paths: [out/app]}
  flaky:
    retries: {failed: 1}
    run: |
      echo "attempt $BATON_ATTEMPT_NUMBER"
      test "$BATON_ATTEMPT_NUMBER" = 2
  deploy:
    needs: [build, flaky]
    run: exit 4
`;

let place: Place;
let up: CliProcess;
let runId = "";

const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: place.project, encoding: "utf8" });
const ask = (...args: string[]) => baton(place, args).ended;
const out = async (...args: string[]) => (await ask(...args)).stdout;

beforeAll(async () => {
  place = makePlace();
  git("init", "-q", "-b", "trunk");
  place.write({ ".baton/ci.yml": PIPELINE });
  git("add", "-A");
  git("commit", "-qm", "first");
  up = baton(place, ["up", "--port", "0", "--slots", "2"]);
  await up.sees("Baton is up at");
  const { code, stdout } = await ask("runs", "create", "--follow");
  expect({ code, stdout }).toMatchObject({ code: 1 });
  expect(stdout).toMatch(/flaky +│ attempt 2/);
  runId = stdout.split("\n")[0] ?? "";
});
afterAll(async () => {
  const below = descendantsOf(up.child.pid ?? 0);
  up.child.kill("SIGINT");
  expect((await up.ended).code).toBe(0);
  await eventually("every process ends", () => !below.some(isAlive));
  place.remove();
});

describe("what it says about runs", () => {
  test("list, show and latest", async () => {
    expect(await out("runs", "list")).toMatch(new RegExp(`${runId}  failed  ci +trunk +[0-9a-f]{10}`));
    expect(await out("runs", "show", "latest")).toMatch(/flaky +✔ passed +2 /);
    expect(JSON.parse(await out("runs", "show", runId, "--json"))).toMatchObject({
      run: { id: runId, state: "failed" },
    });
  });

  test("explain says why, in sentences", async () => {
    const text = await out("explain", "latest");
    expect(text).toContain(`${runId} failed: check`);
    expect(text).toMatch(/Attempt 1 started at [\d:]+ on runner .* and failed at .* 0 retries are left now/);
    expect(await out("explain", runId, "deploy")).toContain("deploy failed at");
    expect(await ask("explain", runId, "nothing")).toMatchObject({ code: 2 });
  });

  test("logs of one job are its output, sanitized; of a named attempt; of all behind their names", async () => {
    expect(await out("runs", "logs", "latest", "build")).toContain("\nred text\n");
    expect(await out("runs", "logs", "latest", "flaky", "--attempt", "1")).toContain("attempt 1\n");
    expect(await out("runs", "logs", "latest", "flaky")).toContain("attempt 2\n");
    expect(await out("runs", "logs", "latest")).toMatch(/^build +│ red text$/m);
    const ninth = await ask("runs", "logs", "latest", "flaky", "--attempt", "9");
    expect([ninth.code, ninth.stderr]).toEqual([2, "baton: flaky has no attempt 9; it has had 2\n"]);
    expect(await out("runs", "logs", "latest", "-f")).toMatch(/^✘ deploy +failed/m);
  });

  test("artifacts are listed, downloaded and unpacked", async () => {
    expect(await out("runs", "artifacts", "latest")).toMatch(/build +artifacts.tar.gz +1 /);
    expect(await out("runs", "artifacts", "latest", "--download", "got")).toBe(`${join(place.project, "got/build")}\n`);
    expect(readFileSync(join(place.project, "got/build/out/app"), "utf8")).toContain("text\n");
    execFileSync("rm", ["-rf", join(place.project, "got")]);
    const mistyped = await ask("runs", "artifacts", "latest", "--job", "biuld");
    expect([mistyped.code, mistyped.stdout, mistyped.stderr]).toEqual([2, "", expect.stringContaining("biuld")]);
  });

  test.each([
    ["runs", "list"],
    ["runs", "show", "latest"],
    ["runs", "logs", "latest"],
    ["runs", "artifacts", "latest"],
    ["explain", "latest"],
    ["status"],
    ["tokens", "list"],
    ["projects", "list"],
    ["audit"],
  ])("%s %s %s --json is one JSON document, and nothing piped has colours", async (...args) => {
    const { code, stdout, stderr } = await ask(...args, "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toBeTypeOf("object");
    // In a log, colours are the job's own.
    if (args[1] !== "logs") expect(await out(...args)).not.toContain("\u001b");
  });
});

describe("what it changes", () => {
  test("a dirty tree is refused, unless it is allowed", async () => {
    place.write({ "dirt.txt": "x" });
    expect(await ask("runs", "create")).toMatchObject({ code: 2, stderr: expect.stringContaining("--allow-dirty") });
    const created = await out("runs", "create", "--allow-dirty");
    expect(await out("runs", "cancel", created.trim(), "--reason", "a test")).toMatch(/(canceling|canceled|failed)\n$/);
    execFileSync("rm", [join(place.project, "dirt.txt")]);
  });

  test("a source that is not there is told as that", async () => {
    const { code, stderr } = await ask("runs", "create", "--source", "nowhere");
    expect([code, stderr]).toEqual([2, `baton: there is no folder ${join(place.project, "nowhere")}\n`]);
  });

  test("rerun of what failed makes a new run", async () => {
    const { code, stdout } = await ask("runs", "rerun", runId, "--failed", "--follow");
    expect(code).toBe(1);
    expect(stdout).toMatch(/deploy +✘ failed/);
    expect(stdout.split("\n")[0]).not.toBe(runId);
    expect(stdout).toContain(`succeeded, kept from ${runId}`);
  });
});

describe("access", () => {
  test("a token of scope read reads, and cannot run; revoked it does nothing", async () => {
    const created = JSON.parse(await out("tokens", "create", "--name", "reader", "--scope", "read", "--json"));
    const env = { BATON_TOKEN: created.token };
    expect((await baton(place, ["runs", "list"], { env }).ended).code).toBe(0);
    const refused = await baton(place, ["runs", "cancel", runId], { env }).ended;
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("needs the scope run") });
    expect(await out("tokens", "list")).toContain("reader");
    expect(JSON.parse(await out("tokens", "revoke", created.view.id, "--json"))).toEqual({ ok: true });
  });

  test("login keeps URL and token for their owner alone, and refuses a wrong token", async () => {
    const url = JSON.parse(readFileSync(join(place.project, ".baton/state/stack.json"), "utf8")).url;
    const token = readFileSync(join(place.project, ".baton/state/token"), "utf8");
    const wrong = await baton(place, ["login", "--url", url], { input: "baton_main_0000000000_wrongwrongwrong" }).ended;
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("this token is unknown or revoked") });
    expect((await baton(place, ["login", "--url", url], { input: token }).ended).code).toBe(0);
    expect(statSync(join(place.temp, "config/baton/config.yml")).mode & 0o777).toBe(0o600);
    expect((await ask("runs", "list")).code).toBe(0);
  });

  test("no answer is one line that says what to do", async () => {
    const env = { BATON_URL: "http://127.0.0.1:9", BATON_TOKEN: "baton_main_x_y" };
    const { code, stderr } = await baton(place, ["runs", "list"], { env }).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^baton: no answer from http:\/\/127\.0\.0\.1:9: .*baton up.*\n$/);
  });
});

test("a second control plane in the same folder, or on the same port, is refused in one line", async () => {
  const url = new URL(JSON.parse(readFileSync(join(place.project, ".baton/state/stack.json"), "utf8")).url);
  const locked = await ask("up", "--port", "0");
  expect(locked).toMatchObject({ code: 2, stdout: "" });
  expect(locked.stderr.trim().split("\n")).toHaveLength(1);
  const taken = await ask("up", "--port", url.port, "--state", join(place.temp, "other"));
  expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining(url.port) });
});

test("with its state elsewhere, it says how other commands and a runner find it", async () => {
  const elsewhere = makePlace();
  const options = ["--no-runner", "--state", "my state", "--pool", "default", "gpu"];
  const other = baton(elsewhere, ["up", "--port", "0", ...options]);
  await other.sees("Stop          Ctrl-C");
  expect((await baton(elsewhere, ["runs", "list"]).ended).stderr).toContain("no control plane is known");
  other.child.kill("SIGINT");
  const { stdout } = await other.ended;
  const command = /^ {2}First +(export BATON_URL=.*)$/m.exec(stdout)?.[1];
  const given = execFileSync("sh", ["-c", `${command}; echo "$BATON_URL $BATON_TOKEN"`], { encoding: "utf8" });
  expect(given).toMatch(/^http:\/\/127\.0\.0\.1:\d+ baton_main_\S+\n$/);
  const tokenFile = join(elsewhere.project, "my state/runner-token");
  expect(stdout).toContain(
    ` --token-file '${tokenFile}' --pool default --pool gpu --allow-source ${elsewhere.project}\n`,
  );
  elsewhere.remove();
});

test("Ctrl-C while a run is followed leaves the run alone, and says how to find it again", async () => {
  place.write({ "long.yml": "jobs:\n  long:\n    run: |\n      echo begun\n      sleep 300\n" });
  const following = baton(place, ["runs", "create", "long.yml", "--allow-dirty", "--follow"]);
  await following.sees("│ begun");
  following.child.kill("SIGINT");
  const { code, stdout, stderr } = await following.ended;
  const id = stdout.split("\n")[0] ?? "";
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: expect.stringContaining(`the run goes on: \`baton runs logs -f ${id}\``),
  });
  expect(await out("runs", "show", id)).toMatch(/long +– running/);
  expect(await out("runs", "cancel", id)).toBe(`${id} canceling\n`);
  expect((await ask("runs", "logs", id, "-f")).stdout).toContain("long canceled");
  expect(await out("runs", "cancel", runId)).toBe(`${runId} had ended already: failed\n`);
});
