import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeStepFiles } from "../support/step-files.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** What outlives a `baton up`, and what a follower sees of one that runs. */

const HELLO = fileURLToPath(new URL("../../examples/hello.yml", import.meta.url));
const files = makeStepFiles();
const pipeline = `jobs:
  make: {run: "echo made | tee -a ${files.path("made")} > out", artifacts: {paths: [out]}}
  use:
    needs: make
    artifacts: {from: [make]}
    run: |
      cat out
      test -e ${files.path("repaired")}
  talk:
    run: |
      echo first line
      until [ -e ${files.path("enough")} ]; do sleep 0.1; done
      echo last line
`;

let place: Place;
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: place.project });

beforeAll(() => {
  place = makePlace();
  place.write({ ".baton/ci.yml": pipeline });
  copyFileSync(HELLO, join(place.project, "hello.yml"));
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "first");
});

afterAll(() => {
  place.remove();
  files.remove();
});

async function up() {
  const process = baton(place, ["up", "--port", "0", "--slots", "2", "--expose", files.path(".")]);
  await process.sees("Baton is up at");
  return process;
}

async function down(process: ReturnType<typeof baton>): Promise<void> {
  process.child.kill("SIGINT");
  expect((await process.ended).code).toBe(0);
}

test("a follower sees output as it is written; a restart finds the run; what failed runs again with kept artifacts", async () => {
  const first = await up();
  const creating = baton(place, ["runs", "create", "--follow"]);
  await creating.sees("talk │ first line");
  const following = baton(place, ["runs", "logs", "latest", "talk", "-f"]);
  await following.sees("first line");
  files.write("enough");
  expect((await following.ended).stdout).toContain("last line\n");
  const created = await creating.ended;
  expect(created.code).toBe(1);
  expect(created.stdout).toContain("use  │ made\n");
  await down(first);

  const second = await up();
  expect((await baton(place, ["runs", "list"]).ended).stdout).toMatch(/run_\S+ +failed +ci/);
  const { stdout: why } = await baton(place, ["explain", "latest", "use"]).ended;
  expect(why).toMatch(/exit code 1/);
  files.write("repaired");
  const again = await baton(place, ["runs", "rerun", "latest", "--failed", "--follow"]).ended;
  expect(again.code).toBe(0);
  expect(again.stdout).toMatch(/✔ talk +succeeded, kept from run_/);
  expect(again.stdout).not.toContain("talk │");
  expect(again.stdout).toContain("use  │ made\n");
  expect(files.lines("made")).toHaveLength(1);
  await down(second);
});

test("the README's first command: examples/hello.yml ends with its table and 0", async () => {
  const { code, stdout } = await baton(place, ["run", "hello.yml"]).ended;
  expect(code).toBe(0);
  expect(stdout).toContain("shout │ ONE JOB, ONE HOLDER\n");
  expect(stdout).toMatch(/JOB +CHECK +ATTEMPTS +DURATION +ARTIFACTS\ngreet +✔ passed +1 .*\nshout +✔ passed +1 /);
});
