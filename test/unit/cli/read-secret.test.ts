import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { askSilently } from "../../../cli/read-secret.ts";

function terminal() {
  const input = new PassThrough();
  const output = new PassThrough();
  return { input, output, answer: askSilently("Token: ", input, output) };
}

describe("a secret that is asked for on a terminal", () => {
  test("is what was typed, and is not echoed", async () => {
    const { input, output, answer } = terminal();
    input.write(" secret-1\r");
    expect(await answer).toBe("secret-1");
    expect(String(output.read())).toBe("Token: \n");
  });

  test.each([
    ["Ctrl-C", "\u0003", 130],
    ["Ctrl-D", "\u0004", 2],
  ])("is none after %s", async (_key, typed, exitCode) => {
    const { input, answer } = terminal();
    input.write(typed);
    await expect(answer).rejects.toMatchObject({ message: "no token was given", exitCode });
  });
});
