import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../shared/lib/clock.ts";
import { keepOwned, ownFolder, removeDeadFolders } from "../../../shared/lib/owned-folder.ts";
import { pinFolder } from "../../../shared/lib/pinned-folder.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "baton-owned-"));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const tidy = async () => {
  const above = pinFolder(parent);
  const found = await removeDeadFolders({ parent, above, isOne: (name) => name.startsWith("own"), clock: systemClock });
  above.close();
  return found;
};

/** A folder whose owner is a process that was killed. */
async function deadFolder(name: string): Promise<string> {
  const path = join(parent, name);
  mkdirSync(path);
  writeFileSync(join(path, "file"), "");
  const lib = join(import.meta.dirname, "../../../shared/lib/owned-folder.ts");
  const script = `const { ownFolder } = await import("${lib}"); ownFolder("${path}"); console.log("owned"); setInterval(() => {}, 9e8)`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(owner.stdout, "data");
  expect((await tidy()).removals).toEqual([]);
  owner.kill("SIGKILL");
  await once(owner, "exit");
  return path;
}

test("case L2: only a folder whose lock is free is removed; what has no lock, or is no folder of ours, stays", async () => {
  await deadFolder("own-dead");
  mkdirSync(join(parent, "own-live"));
  const lock = ownFolder(join(parent, "own-live"));
  for (const name of ["own-1234-5678-abcdef", "own-strange", "own-kept", "other"]) mkdirSync(join(parent, name));
  writeFileSync(join(parent, "own-strange/lock"), "this is no database, though it is long enough to be one".repeat(99));
  const kept = ownFolder(join(parent, "own-kept"));
  await keepOwned(join(parent, "own-kept"), kept);
  expect(await tidy()).toMatchObject({ count: 1 });
  expect(readdirSync(parent).sort()).toEqual(["other", "own-1234-5678-abcdef", "own-kept", "own-live", "own-strange"]);
  lock.release();
  expect(await tidy()).toMatchObject({ count: 1 });
});

test.skipIf(process.geteuid?.() !== 0)(
  "case L1: what cannot be removed is tried again by later starts, ever later",
  async () => {
    const path = await deadFolder("own-stubborn");
    const chattr = (flag: string) => spawn("chattr", [flag, join(path, "file")]);
    await once(chattr("+i"), "exit");
    const tries = join(path, "tries");
    const due = (seconds: number) => utimesSync(tries, seconds, Math.floor(systemClock.nowMs() / 1_000) - seconds);
    try {
      expect((await tidy()).removals).toMatchObject([{ left: [{ path: join(path, "file") }], leftCount: 1 }]);
      expect(readdirSync(path).sort()).toEqual(["file", "lock", "tries"]);
      expect((await tidy()).removals).toEqual([]);
      due(70);
      expect((await tidy()).removals).toHaveLength(1);
      expect(readFileSync(tries, "utf8")).toBe("2");
      due(70);
      expect((await tidy()).removals).toEqual([]);
    } finally {
      await once(chattr("-i"), "exit");
    }
    due(300);
    expect(await tidy()).toMatchObject({ count: 1 });
    expect(existsSync(path)).toBe(false);
  },
);
