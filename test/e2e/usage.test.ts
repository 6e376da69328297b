import { afterAll, beforeAll, expect, test } from "vitest";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** What the command line says of itself, as it is installed: with bundled packages. */

let place: Place;
beforeAll(() => {
  place = makePlace();
});
afterAll(() => place.remove());

test.each([["--version"], ["--help"], ["runs", "create", "--help"], ["bootstrap", "--help"]])(
  "%s %s %s: told on stdout alone, and ends with 0",
  async (...args) => {
    const { code, stdout, stderr } = await baton(place, args).ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(/^(\d|Usage)/), stderr: "" });
  },
);

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
