import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** What a run leaves behind, what it removes of others, and what it must never touch. */

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

const isRoot = process.geteuid?.() === 0;
/** A mount namespace of its own: what is mounted is gone with the command. */
const MOUNTS = ["unshare", isRoot ? "-m" : "-Urm"];
const folders = () => readdirSync(place.temp).filter((name) => name.startsWith("baton-run-"));

function makeKept(): string {
  const kept = join(place.project, "..", "kept");
  mkdirSync(join(kept, "work"), { recursive: true });
  writeFileSync(join(kept, "file"), "precious");
  return kept;
}

test.for([
  ["in its workspace", 'mkdir -p a/r; mount --bind "$KEPT" a/r', "a/r (something is mounted there)"],
  ["over its workspace", 'mount --bind "$KEPT" "$BATON_WORKSPACE"', "(something is mounted there)"],
  ["over its workspace's folder", 'mount --bind "$KEPT" "$BATON_WORKSPACE/.."', "(something is mounted there)"],
  ["in a mount namespace of the step's", 'mkdir r; unshare -m sh -c "mount --bind $KEPT r; ls r"', undefined],
] as const)(
  "case L1: a folder that a step mounted %s is not emptied, and is told of in a line",
  async ([, run, told]) => {
    const kept = makeKept();
    place.write({ "p.yml": `jobs:\n  a:\n    env: {KEPT: ${kept}}\n    run: |\n      ${run}\n      echo done\n` });
    const { code, stdout, stderr } = await baton(place, ["run", "p.yml"], { within: MOUNTS }).ended;
    expect(stdout).toContain("a │ done");
    expect({ code, file: readFileSync(join(kept, "file"), "utf8") }).toEqual({ code: 0, file: "precious" });
    expect(existsSync(join(kept, "work"))).toBe(true);
    if (told === undefined) expect({ stderr, folders: folders() }).toEqual({ stderr: "", folders: [] });
    else expect(stderr).toMatch(/^baton: left behind: /);
    if (told !== undefined) expect(stderr).toContain(told);
    expect(stderr.split("\n").length).toBeLessThanOrEqual(2);
  },
);

/** A step that waits until the file is there; it names its folder in another. */
const waiting = (go: string) =>
  `mkdir -p d/e; touch d/e/f; echo "$PWD" > ${go}.where; while [ ! -e ${go} ]; do sleep 0.05; done`;

test.skipIf(!isRoot)(
  "case L12: what another user leaves in a workspace is told of, and the verdict stays",
  async () => {
    const go = join(place.temp, "go");
    place.write({ "p.yml": `jobs:\n  a:\n    run: |\n      ${waiting(go)}\n` });
    execFileSync("chown", ["-R", "65534", join(place.project, "..")]);
    const run = baton(place, ["run", "p.yml"], { within: ["setpriv", "--reuid=65534", "--clear-groups"] });
    const where = await eventually(
      "the step waits",
      () => existsSync(`${go}.where`) && readFileSync(`${go}.where`, "utf8"),
    );
    const folder = join(where.trim(), "d");
    execFileSync("chown", ["-R", "0", folder]);
    execFileSync("chmod", ["700", folder]);
    writeFileSync(go, "");
    const { code, stdout, stderr } = await run.ended;
    expect(stdout).toContain("✔ passed");
    expect(stderr).toMatch(/^baton: left behind: \S+\/d \(it belongs to user 0\)\n$/);
    expect(code).toBe(0);
  },
);

test("case L2: a live run's folder survives a run in another PID namespace, and a dead one's is removed", async () => {
  const go = join(place.temp, "go");
  place.write({
    "slow.yml": `jobs:\n  a:\n    run: |\n      echo the step runs\n      ${waiting(go)}\n`,
    "quick.yml": 'jobs: {a: {run: "sleep 2"}}',
  });
  const slow = baton(place, ["run", "slow.yml"]);
  await slow.sees("the step runs");
  const [alive = ""] = folders();
  const dead = baton(place, ["run", "slow.yml"]);
  await dead.sees("the step runs");
  dead.child.kill("SIGKILL");
  await dead.ended;
  expect(folders()).toHaveLength(2);

  const elsewhere = [...MOUNTS, "--pid", "--fork", "--mount-proc"];
  const quick = await baton(place, ["run", "quick.yml"], { within: elsewhere }).ended;
  expect(quick).toMatchObject({ code: 0, stderr: "" });
  expect(folders()).toEqual([alive]);
  writeFileSync(go, "");
  expect((await slow.ended).code).toBe(0);
  expect(folders()).toEqual([]);
});
