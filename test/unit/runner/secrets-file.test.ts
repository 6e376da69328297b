import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSecretsFile } from "../../../runner/secrets-file.ts";

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), "baton-secrets-")), "secrets.env");
});
afterEach(() => rmSync(join(file, ".."), { recursive: true }));

test("the values that a job names are found, and no others", async () => {
  writeFileSync(file, 'A=one\nB="two words"\nC=three\n');
  expect([...(await readSecretsFile(["A", "B"], file))]).toEqual([
    ["A", "one"],
    ["B", "two words"],
  ]);
  expect((await readSecretsFile([], undefined)).size).toBe(0);
});

test("what the file does not hold is left out, also where every object seems to have it", async () => {
  writeFileSync(file, "A=one\n");
  expect([...(await readSecretsFile(["A", "NO", "toString", "constructor"], file)).keys()]).toEqual(["A"]);
  expect((await readSecretsFile(["A"], undefined)).size).toBe(0);
});

test("a value that no environment can hold is named, and never told", async () => {
  writeFileSync(file, "A=one\nB=hunter2\0tail\n");
  const refused = readSecretsFile(["A", "B"], file).catch((error: unknown) => String(error));
  expect(await refused).toContain('"B"');
  expect(await refused).not.toContain("hunter2");
});

test("a file that is not there is said, without its contents", async () => {
  await expect(readSecretsFile(["A"], file)).rejects.toThrow("cannot be read");
});
