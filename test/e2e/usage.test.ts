import { afterAll, beforeAll, expect, test } from "vitest";
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
  [["projects", "change", "app"], "say what to change"],
  [["runner", "--ephemral"], "Unknown option '--ephemral' (--help shows what is possible)"],
])("%j: refused before anybody is asked: %s", async (args, message) => {
  const { code, stderr } = await baton(place, args).ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});

test.each([
  [{}, "Region is missing); name the deployment's with --region or AWS_REGION\n"],
  [{ AWS_REGION: "eu-central-1" }, "; give AWS credentials as for any AWS tool"],
])("bootstrap with %j says what is missing and how to give it", async (given, message) => {
  const env = { ...given, AWS_EC2_METADATA_DISABLED: "true" };
  const { code, stderr } = await baton(place, ["bootstrap", "--function", "baton-admin", "--json"], { env }).ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});
