import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseSecrets } from "../../../runner/parse-secrets.ts";
import { openSecretsFile, readSecretsFile } from "../../../runner/secrets-file.ts";

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), "baton-secrets-")), "secrets.env");
});
afterEach(() => rmSync(join(file, ".."), { recursive: true }));

const read = async (...names: string[]) => [...(await readSecretsFile(names, await openSecretsFile(file)))];

test("the values that a job names are found, and no others", async () => {
  writeFileSync(file, 'A=one\nB="two words"\nC=three\n');
  expect(await read("A", "B")).toEqual([
    ["A", "one"],
    ["B", "two words"],
  ]);
  expect((await readSecretsFile([], undefined)).size).toBe(0);
});

test("what the file does not hold is left out, also where every object seems to have it", async () => {
  writeFileSync(file, "A=one\n");
  expect((await read("A", "NO", "toString", "constructor")).map(([name]) => name)).toEqual(["A"]);
  expect((await readSecretsFile(["A"], undefined)).size).toBe(0);
});

test("a value that was rotated is read anew", async () => {
  writeFileSync(file, "A=one\n");
  const opened = await openSecretsFile(file);
  writeFileSync(file, "A=two\n");
  expect([...(await readSecretsFile(["A"], opened))]).toEqual([["A", "two"]]);
});

test("case L11: a NUL, a byte that is no UTF-8 and a line that is none are told by their place, and never a value", async () => {
  for (const [bytes, place] of [
    [Buffer.from("A=one\nB=hunter2\0tail\n"), "2:10: a NUL character is no text"],
    [Buffer.from("A=hunter2\nB=caf\u00e9\n", "latin1"), "2:6: the byte 0xe9 is no UTF-8: save the file as UTF-8"],
    [Buffer.from("hunter2\n"), "1:1: the line is no NAME=value"],
  ] as const) {
    writeFileSync(file, bytes);
    const refused = await openSecretsFile(file).catch((error: unknown) => String(error));
    expect(refused).toContain(`${file}:${place}`);
    expect(refused).not.toContain("hunter2");
  }
});

test("a file that is not there is said, without its contents", async () => {
  await expect(openSecretsFile(file)).rejects.toThrow(`cannot read ${file}: there is no such file`);
});

test("case L11: a stream is read once, and what came is there for every job", async () => {
  execFileSync("mkfifo", [file]);
  const writer = spawn("sh", ["-c", 'sleep 0.2; printf "A=one\\nB=two\\n" > "$0"', file]);
  const opened = await openSecretsFile(file);
  for (let job = 0; job < 3; job += 1) expect([...(await readSecretsFile(["B"], opened))]).toEqual([["B", "two"]]);
  expect(writer.exitCode ?? 0).toBe(0);
});

describe("case L11: a value is never changed without a word", () => {
  test.each([
    ["P=long#word", "long#word"],
    ["P=#word", "#word"],
    ["\ufeffP=x".slice(1), "x"],
    ["P=a=b", "a=b"],
    ["P= spaced ", "spaced"],
    ["P=' kept '", " kept "],
    ['P="a\\nb" # why', "a\nb"],
    ["P='a\\nb'", "a\\nb"],
    ["P='one\ntwo\n'", "one\ntwo\n"],
    ['P=`it\'s "x"`', `it's "x"`],
    ["P=$HOME\\", "$HOME\\"],
    ["export P=x\r", "x"],
    ["# P=no\n\nP=", ""],
    ["P=C:\\new", "C:\\new"],
    ["P=\u00a0x\u2003 \t", "\u00a0x\u2003"],
    ["P=x\f", "x\f"],
    ['P="a\\tb"', "a\\tb"],
  ])("%j", (text, value) => expect(parseSecrets(text).get("P")).toBe(value));

  test.each([
    ["P=word # a note?", 'has " #" in its value'],
    ["P='a' b", "goes on after its closing '"],
    ['P="a"b"', 'goes on after its closing "'],
    ['P="a', 'begins with ", which is not closed'],
    ["P=1\nP=2", "has P again; it is on line 1 already"],
    ["1P=x", "is no NAME=value"],
    ["P", "is no NAME=value"],
    ["P=x\rQ=y\r", "has a carriage return in it"],
    ["# all of it\rP=x\r", "has a carriage return in it"],
    ['P="C:\\new\\table"', "has \\n and another backslash in double quotes"],
    ['P="a\\\\nb"', "has \\n and another backslash in double quotes"],
    ['P="a\\nb\\"', "has \\n and another backslash in double quotes"],
  ])("%j is refused", (text, message) => expect(() => parseSecrets(text)).toThrow(message));
});
