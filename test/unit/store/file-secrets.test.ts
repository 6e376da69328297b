import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { makeFileSecrets } from "../../../shared/store/file-secrets.ts";
import type { SecretStore } from "../../../shared/store/secret-store.ts";

/** What a file has that SSM does not: its key, its mode, its crashes. The rest is test/contract/secret-stores.test.ts. */

let dir: string;
let secrets: SecretStore;
const file = () => join(dir, "secrets");
const keyFile = () => join(dir, "secrets-key");
const open = (tenant = "main") =>
  makeFileSecrets({ file: file(), keyFile: keyFile(), tenant, clock: { nowMs: () => 1_000 } });
const stored = z.object({ v: z.number(), entries: z.record(z.string(), z.record(z.string(), z.unknown())) });
const readStored = () => stored.parse(JSON.parse(readFileSync(file(), "utf8")));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "baton-file-secrets-"));
  secrets = open();
});
afterEach(() => rmSync(dir, { recursive: true }));

test("SECURITY 12: neither file holds a value, and both are their owner's alone, whatever the umask", async () => {
  const before = process.umask(0);
  await secrets.put("projects/app/forge", "hunter2-hunter2").finally(() => process.umask(before));
  for (const path of [file(), keyFile()]) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).not.toContain("hunter2");
  }
  expect(readdirSync(dir).sort()).toEqual(["secrets", "secrets-key"]);
});

test("the same value is encrypted differently each time", async () => {
  await secrets.put("a", "same");
  await secrets.put("b", "same");
  const { entries } = readStored();
  const [a, b] = [entries["main/a"], entries["main/b"]];
  expect(a?.["nonce"]).not.toBe(b?.["nonce"]);
  expect(a?.["data"]).not.toBe(b?.["data"]);
});

test("a value that was moved to another path, another time or another tenant, or was changed, is refused", async () => {
  await secrets.put("main-only", "value");
  const whole = readStored();
  const entry = whole.entries["main/main-only"];
  const as = (entries: object) => writeFileSync(file(), JSON.stringify({ v: 1, entries }));
  as({ "main/anywhere": entry });
  await expect(secrets.read("anywhere")).rejects.toThrow("cannot be decrypted");
  as({ "other/main-only": entry });
  await expect(open("other").read("main-only")).rejects.toThrow("cannot be decrypted");
  as({ "main/main-only": { ...entry, updatedAtMs: 2_000 } });
  await expect(secrets.read("main-only")).rejects.toThrow("cannot be decrypted");
  as({ "main/main-only": { ...entry, data: Buffer.from("xalue").toString("base64url") } });
  await expect(secrets.read("main-only")).rejects.toThrow("cannot be decrypted");
  as({ "main/main-only": { ...entry, tag: "AAAA" } });
  await expect(secrets.read("main-only")).rejects.toThrow();
});

test("what was written is found by the next process; what a crash left half-written is not", async () => {
  await secrets.put("a", "one");
  writeFileSync(`${file()}.1.tmp`, '{"v":1,"ent');
  expect(await open().read("a")).toBe("one");
});

test("without its key nothing is read, and none is made in its place", async () => {
  await secrets.put("a", "one");
  rmSync(keyFile());
  await expect(secrets.read("a")).rejects.toThrow("secrets-key is missing");
  await expect(secrets.put("b", "two")).rejects.toThrow("secrets-key is missing");
  writeFileSync(keyFile(), "AAAA\n");
  await expect(secrets.read("a")).rejects.toThrow("32 bytes");
});

test("tenants do not see each other", async () => {
  await secrets.put("folder/a", "one");
  expect(await open("mai").readAll("folder")).toEqual(new Map());
  expect(await open("other").list("folder")).toEqual([]);
});
