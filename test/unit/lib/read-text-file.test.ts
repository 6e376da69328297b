import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fileTrouble } from "../../../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../../../shared/lib/read-text-file.ts";

const folder = mkdtempSync(join(tmpdir(), "baton-text-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function told(bytes: Buffer | string, bytesMax = 1_000): Promise<string> {
  const file = join(folder, "text");
  writeFileSync(file, bytes);
  return tellOf(file, bytesMax);
}

const tellOf = (file: string, bytesMax = 1_000) =>
  readTextFile(file, { bytesMax }).catch((error: unknown) => tellTextTrouble(file, error, fileTrouble));

test("case L11: text is UTF-8, and comes as it stands, but for a mark of byte order", async () => {
  expect(await told("\ufeffa: ü\r\n😀")).toBe("a: ü\r\n😀");
  expect(await told("")).toBe("");
});

test("case L11: what is no text is told with its place", async () => {
  const file = join(folder, "text");
  expect(await told(Buffer.from("a: 1\nname: caf\u00e9\n", "latin1"))).toMatch(
    `${file}:2:10: the byte 0xe9 is no UTF-8`,
  );
  expect(await told(Buffer.concat([Buffer.from("😀x"), Buffer.from([0xf0, 0x9f])]))).toMatch(
    `${file}:1:4: the byte 0xf0`,
  );
  expect(await told(Buffer.from([0xc0, 0x80]))).toMatch(`${file}:1:1: the byte 0xc0`);
  expect(await told("a\0b")).toBe(`${file}:1:2: a NUL character is no text`);
  expect(await told(Buffer.from("\ufeffa: b", "utf16le"))).toBe(`cannot read ${file}: it is UTF-16: save it as UTF-8`);
  expect(await told("x".repeat(1_001))).toBe(`cannot read ${file}: it has more than 1000 bytes`);
});

test("case L11, case A11: a pipe, a device and a folder are refused at once", async () => {
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  expect(await tellOf(fifo)).toBe(`cannot read ${fifo}: it is a pipe or a device, and no file`);
  expect(await tellOf("/dev/zero")).toBe("cannot read /dev/zero: it is a pipe or a device, and no file");
  expect(await tellOf(folder)).toBe(`cannot read ${folder}: it is a folder`);
  expect(await tellOf(join(folder, "no"))).toBe(`cannot read ${join(folder, "no")}: there is no such file`);
});

test("case A11: a pipe that is meant, and that nobody writes to, is not waited for without end", async () => {
  const fifo = join(folder, "silent");
  execFileSync("mkfifo", [fifo]);
  const reading = readTextFile(fifo, { bytesMax: 1_000, streams: true, writerMs: 200 });
  await expect(reading).rejects.toThrow("it is a pipe that nobody writes to (waited 0.2 s)");
});

test("case A11: a writer may take its time once it has opened the pipe", async () => {
  const fifo = join(folder, "slow");
  execFileSync("mkfifo", [fifo]);
  const writer = spawn("sh", ["-c", 'exec > "$0"; sleep 1; echo late', fifo]);
  expect(await readTextFile(fifo, { bytesMax: 1_000, streams: true, writerMs: 900 })).toBe("late\n");
  expect(writer.exitCode ?? 0).toBe(0);
});
