import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";

const MAIN = fileURLToPath(new URL("../../runner/main.ts", import.meta.url));

let plane: FakeControlPlane;
let folder: string;
beforeEach(async () => {
  plane = await startFakeControlPlane();
  folder = mkdtempSync(join(tmpdir(), "baton-open-files-"));
});
afterEach(async () => {
  await plane.stop();
  rmSync(folder, { recursive: true });
});

/** What a runner says that is refused at once: its token is unknown. */
async function said(mode: number): Promise<string> {
  const files = { token: join(folder, "token"), secrets: join(folder, "secrets.env") };
  for (const file of Object.values(files)) writeFileSync(file, "A=one\n", { mode });
  const args = ["--url", plane.url, "--token-file", files.token, "--secrets-file", files.secrets];
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args, "--work-dir", join(folder, "work")], (_error, _stdout, stderr) =>
      resolve(stderr),
    );
  });
}

test("a token file and a secrets file that others may read are warned of, with what to do", async () => {
  const text = await said(0o644);
  for (const name of ["token", "secrets.env"])
    expect(text).toContain(`${name} is open to other users of this host (mode 0644): chmod 600 ${folder}/${name}\n`);
});

test("files of their owner alone are not spoken of", async () => {
  const text = await said(0o600);
  expect(text).toContain("baton runner: ");
  expect(text).not.toContain("chmod");
});
