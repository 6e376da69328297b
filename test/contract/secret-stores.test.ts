import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SECRET_VALUE_BYTES_MAX } from "../../shared/domain/limits.ts";
import { makeFileSecrets } from "../../shared/store/file-secrets.ts";
import type { SecretStore } from "../../shared/store/secret-store.ts";
import { makeSsmSecrets } from "../../shared/store/ssm-secrets.ts";
import { jobSecretPath } from "../../shared/usecases/secret-paths.ts";
import { memorySecrets } from "../support/memory-secrets.ts";
import { type SsmServer, startSsmServer } from "../support/ssm-server.ts";

/** One contract for every place that secrets are kept in. */

let ssm: SsmServer;
let dir: string;
const started: SSMClient[] = [];
beforeAll(async () => {
  ssm = await startSsmServer();
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "baton-secret-stores-"));
  ssm.parameters.clear();
  ssm.calls.length = 0;
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  for (const client of started.splice(0)) client.destroy();
});
afterAll(() => ssm.stop());

function openSsm(): SecretStore {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new SSMClient({ endpoint: ssm.url, region: "us-east-1", credentials, maxAttempts: 8 });
  started.push(client);
  return makeSsmSecrets(client, "main");
}

const kinds: readonly [string, () => SecretStore][] = [
  ["memory", () => memorySecrets()],
  [
    "a file",
    () =>
      makeFileSecrets({
        file: join(dir, "secrets"),
        keyFile: join(dir, "key"),
        tenant: "main",
        clock: { nowMs: () => 5 },
      }),
  ],
  ["SSM", openSsm],
];

describe.each(kinds)("secrets in %s", (_, open) => {
  test("are found again, replaced, and gone when they are removed", async () => {
    const secrets = open();
    expect(await secrets.read("projects/app/forge")).toBeUndefined();
    await secrets.put("projects/app/forge", "one");
    await secrets.put("projects/app/forge", "two\nlines, and ünïcödé");
    expect(await secrets.read("projects/app/forge")).toBe("two\nlines, and ünïcödé");
    expect(await secrets.remove("projects/app/forge")).toBe(true);
    expect(await secrets.remove("projects/app/forge")).toBe(false);
    expect(await secrets.read("projects/app/forge")).toBeUndefined();
  });

  test("are listed by folder, however deep and many, and not those of a folder whose name begins alike", async () => {
    const secrets = open();
    const paths = Array.from({ length: 23 }, (_value, n) =>
      jobSecretPath("app", { name: `N${String(n).padStart(2, "0")}`, branch: n % 2 === 0 ? "release/*" : undefined }),
    );
    for (const path of paths) await secrets.put(path, `value of ${path}`);
    await secrets.put("projects/app2/secrets/_/X", "another project's");
    const sorted = [...paths].sort();
    const all = await secrets.readAll("projects/app");
    expect([...all.keys()]).toEqual(sorted);
    expect(all.get(sorted[3] ?? "")).toBe(`value of ${sorted[3]}`);
    expect((await secrets.list("projects/app/secrets")).map(({ path }) => path)).toEqual(sorted);
    expect(await secrets.readAll("projects/nope")).toEqual(new Map());
  });

  test("set at once are all kept", async () => {
    const secrets = open();
    const names = Array.from({ length: 12 }, (_value, n) => `projects/app/secrets/_/N${n}`);
    await Promise.all(names.map((name) => secrets.put(name, name)));
    expect(await secrets.readAll("projects/app/secrets")).toEqual(new Map([...names].sort().map((n) => [n, n])));
  });

  test("may be as large as the limit", async () => {
    const secrets = open();
    const value = "x".repeat(SECRET_VALUE_BYTES_MAX);
    await secrets.put("projects/app/secrets/_/BIG", value);
    expect(await secrets.read("projects/app/secrets/_/BIG")).toBe(value);
  });
});

test("SECURITY 12: in SSM every secret is a SecureString of its tenant, and a list asks for no value", async () => {
  const secrets = openSsm();
  await secrets.put("projects/app/webhook", "hunter2");
  expect([...ssm.parameters]).toMatchObject([["/baton/main/projects/app/webhook", { type: "SecureString" }]]);
  expect(JSON.stringify(await secrets.list("projects"))).not.toMatch(/hunter2|ciphertext/);
});

test("SECURITY 12: what SSM finds invalid is not quoted, however deep one looks into the error", async () => {
  const value = `hunter2${"x".repeat(SECRET_VALUE_BYTES_MAX)}`;
  const error: unknown = await openSsm()
    .put("projects/app/webhook", value)
    .catch((cause: unknown) => cause);
  expect(String(error)).toContain("SSM did not keep /baton/main/projects/app/webhook: ValidationException");
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
});

test("SSM's throttling is waited out", async () => {
  const secrets = openSsm();
  await secrets.put("projects/app/webhook", "one");
  ssm.throttle(2);
  expect(await secrets.read("projects/app/webhook")).toBe("one");
  expect(ssm.calls.filter((call) => call === "GetParameter")).toHaveLength(3);
});
