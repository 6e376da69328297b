import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readEnvironment } from "../../../functions/environment.ts";
import { readSigningKeys } from "../../../functions/signing-keys.ts";

const COMPLETE = {
  AWS_REGION: "us-east-1",
  BATON_TABLE: "baton-table",
  BATON_BUCKET: "baton-products",
  BATON_TICKS_QUEUE_URL: "http://127.0.0.1:9/ticks",
  BATON_PLANS_QUEUE_URL: "http://127.0.0.1:9/plans",
  BATON_REPORTS_QUEUE_URL: "http://127.0.0.1:9/reports",
  BATON_POOL_QUEUE_URL_PREFIX: "http://127.0.0.1:9/pool-",
} as const;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-keys-"));
  file = join(folder, "signing-key");
  for (const [name, value] of Object.entries(COMPLETE)) vi.stubEnv(name, value);
  vi.stubEnv("BATON_SIGNING_KEY_FILE", undefined);
  vi.stubEnv("BATON_SIGNING_KEY_PARAMETER", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("the signing key", () => {
  test("comes from a file: the first line signs, an empty one is none", async () => {
    const [now, before] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    writeFileSync(file, `${now.toString("base64url")}\n\n  ${before.toString("base64url")}\n`);
    chmodSync(file, 0o600);
    vi.stubEnv("BATON_SIGNING_KEY_FILE", file);
    expect(await readSigningKeys(readEnvironment())).toEqual([now, before]);
  });

  test.each([
    ["neither a file nor a parameter", {}],
    ["both", { BATON_SIGNING_KEY_FILE: "/key", BATON_SIGNING_KEY_PARAMETER: "/baton/main/signing-key" }],
  ])("SECURITY 12: %s is refused, by both names", (_what, given) => {
    for (const [name, value] of Object.entries(given)) vi.stubEnv(name, value);
    expect(() => readEnvironment()).toThrow(/BATON_SIGNING_KEY_FILE and BATON_SIGNING_KEY_PARAMETER/);
  });
});
