import { afterAll, beforeAll, expect, test } from "vitest";
import { startHttpRecorder } from "../support/http-recorder.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** What the command line says of itself, as it is installed: with bundled packages. */

let place: Place;
beforeAll(() => {
  place = makePlace();
});
afterAll(() => place.remove());

test.each([
  ["--version"],
  ["--help"],
  ["help"],
  ["help", "runs"],
  ["runs", "create", "--help"],
  ["bootstrap", "--help"],
  ["runner", "-h"],
])("%s %s %s: told on stdout alone, and ends with 0", async (...args) => {
  const { code, stdout, stderr } = await baton(place, args).ended;
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(/^(\d|Usage)/), stderr: "" });
});

test.each([[["runz"]], [["runs", "list", "--limt", "1"]], [["bootstrap", "--json"]]])(
  "%j: the mistake is told once, and ends with 2",
  async (args) => {
    const { code, stdout, stderr } = await baton(place, args).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /^baton: (unknown|required) [^\n]+\n(\(Did you mean [^\n]+\n)?\n?\(add --help for what is possible\)\n$/,
    );
  },
);

test("a command of a group is suggested whole", async () => {
  const { code, stderr } = await baton(place, ["logs", "latest"]).ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "baton: unknown command 'logs'\n(Did you mean baton runs logs?)\n(add --help for what is possible)\n",
  });
});

test("help fits a terminal of 80 columns", async () => {
  const asked = [
    ["--help"],
    ["up", "--help"],
    ["runner", "--help"],
    ["bootstrap", "--help"],
    ["conformance", "--help"],
  ];
  const told = await Promise.all(asked.map((args) => baton(place, args).ended));
  const lines = told.flatMap(({ stdout }) => stdout.split("\n"));
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test.each([
  [["audit", "--day", "2026-02-30"], "There is no such day"],
  [["projects", "change", "app"], "nothing to change"],
  [["runner", "--ephemral"], "Unknown option '--ephemral' (--help shows what is possible)"],
])("%j: refused before anybody is asked: %s", async (args, message) => {
  const { code, stderr } = await baton(place, args).ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});

const NO_SUCH = "cannot read nowhere: there is no such file";
const runner = (...args: readonly string[]) => ["runner", "--url", "http://127.0.0.1:1", ...args];

test.each([
  [runner("--token-file", "nowhere"), `runner: --token-file: ${NO_SUCH}; \`baton tokens create --scope runner\``],
  [runner("--token-file", "folder"), "runner: --token-file: cannot read folder: it is a folder"],
  [runner("--token-file", "empty"), "runner: --token-file: empty is empty; `baton tokens create"],
  [runner("--token-file", "poem"), "runner: --token-file: poem holds no token, which is one word"],
  [runner("--token-file", "word", "--secrets-file", "nowhere"), "secrets file (--secrets-file): cannot read "],
  [runner("--token-file", "word", "--work-dir", "word"), "--work-dir: cannot make folders in "],
  [runner("--pool", "default", "gpu"), "Several of one option: --pool a --pool b."],
  [["runner", "--url", "ci.example.com", "--token-file", "word"], '"ci.example.com" is not an http or https URL'],
  [["run", "ok.yml", "--secrets-file", "nowhere"], "--secrets-file: cannot read "],
  [["up", "--secrets-file", "nowhere"], "--secrets-file: cannot read "],
  [["run", "ok.yml", "--artifacts", "word/out"], "word/out: a part of its path is a file, not a folder"],
  [["up", "--state", "word/state"], "word/state cannot be made: a part of its path is a file, not a folder"],
  [["conformance", "--json", "folder"], "cannot write folder: it is a folder"],
  [["conformance", "--markdown", "nowhere/report.md"], "cannot write nowhere/report.md: there is no folder nowhere"],
  [["conformance", "--markdown", "word/report.md"], "word/report.md: a part of its path is a file"],
  [["run", "word/ci.yml"], "cannot read word/ci.yml: a part of its path is a file"],
  [["projects", "add", "app", "--repo", "o/r", "--app-id", "1", "--private-key-file", "nowhere"], NO_SUCH],
])("%j: what, where and why, before anything is started", async (args, message) => {
  place.write({
    "ok.yml": "jobs: {a: {run: 'true'}}\n",
    "folder/x": "",
    empty: "\n",
    poem: "a b\nc\n",
    word: "token\n",
  });
  const { code, stdout, stderr } = await baton(place, args).ended;
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
  expect(stderr).not.toMatch(/E[A-Z]{4,}:|unexpected/);
});

test("a port of metrics that is taken is told as such, and is worth another start", async () => {
  const taken = await startHttpRecorder(() => ({ status: 200 }));
  const port = new URL(taken.url).port;
  place.write({ word: "token\n" });
  const { code, stderr } = await baton(place, runner("--token-file", "word", "--metrics-port", port)).ended;
  await taken.stop();
  const told = `baton runner: --metrics-port: cannot listen at 127.0.0.1:${port}: another program has it\n`;
  expect([code, stderr]).toEqual([1, expect.stringContaining(told)]);
});

test("a config file that is a folder is told as such", async () => {
  const odd = makePlace();
  const env = { XDG_CONFIG_HOME: odd.project };
  odd.write({ "baton/config.yml/x": "" });
  const read = await baton(odd, ["runs", "list"], { env }).ended;
  expect([read.code, read.stderr]).toEqual([2, expect.stringContaining("/baton/config.yml: it is a folder")]);
  odd.remove();
});

test.each([
  [{}, "Region is missing); name the deployment's with --region or AWS_REGION\n"],
  [{ AWS_REGION: "eu-central-1" }, "; give AWS credentials as for any AWS tool"],
])("bootstrap with %j says what is missing and how to give it", async (given, message) => {
  const env = { ...given, AWS_EC2_METADATA_DISABLED: "true" };
  const { code, stderr } = await baton(place, ["bootstrap", "--function", "baton-admin", "--json"], { env }).ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});
