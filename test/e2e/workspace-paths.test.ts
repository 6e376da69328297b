import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** Where `baton run`, which has no sandbox, puts a job's folders: short, and the same for jobs that pass files on. */

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

const has = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

const SOCKETS = `jobs:
  sockets:
    run: |
      python3 -c "
      import multiprocessing, os, socket
      if __name__ == '__main__':
          with multiprocessing.Manager() as manager:
              shared = manager.dict(); shared['a'] = 1; print('manager', dict(shared))
          for folder in (os.environ['TMPDIR'], os.environ['HOME'], os.getcwd()):
              s = socket.socket(socket.AF_UNIX); s.bind(folder + '/S.gpg-agent.browser.0123456789'); s.listen()
          print('bound')
      "
`;

describe.skipIf(!has("python3", "--version"))("sockets of programs", () => {
  test.each([
    ["the usual TMPDIR", () => "/tmp"],
    ["a TMPDIR of 26 bytes", () => mkdtempSync("/tmp/a-users-folder-")],
    ["a TMPDIR that leaves no room for them", (base: string) => join(base, "d".repeat(60), "e".repeat(60))],
  ])("case L6: python's Manager and sockets in HOME, TMPDIR and the workspace work with %s", async (_, tmpOf) => {
    place.write({ ".baton/ci.yml": SOCKETS });
    const TMPDIR = tmpOf(place.temp);
    mkdirSync(TMPDIR, { recursive: true });
    const { code, stdout, stderr } = await baton(place, ["run"], { env: { TMPDIR } }).ended;
    expect(stdout + stderr).toMatch(/manager \{'a': 1\}[\s\S]*bound/);
    expect(code).toBe(0);
    if (TMPDIR === "/tmp") return;
    expect(readdirSync(TMPDIR)).toEqual([]);
    rmdirSync(TMPDIR);
  });
});

const CMAKE = `jobs:
  build:
    run: cmake -S . -B build && cmake --build build
    artifacts: {paths: [build/**]}
  noise:
    run: sleep 1
  test:
    needs: [build]
    artifacts: {from: [build]}
    run: ctest --test-dir build --output-on-failure
`;
const PATHS = `jobs:
  build:
    run: mkdir out && pwd > out/path
    artifacts: {paths: [out/**]}
  noise:
    run: sleep 1
  first:
    needs: [build]
    artifacts: {from: [build], paths: [out/**]}
    run: test "$(cat out/path)" = "$PWD"
  second:
    needs: [first]
    artifacts: {from: [first]}
    run: test "$(cat out/path)" = "$PWD"
`;

describe("one path for a workspace", () => {
  test("case L7: absolute paths in artifacts lead to the same files in the job that takes them", async () => {
    place.write({ ".baton/ci.yml": PATHS });
    for (let round = 0; round < 3; round += 1) {
      const { code, stdout, stderr } = await baton(place, ["run", "--slots", "3"]).ended;
      expect(code, stdout + stderr).toBe(0);
    }
  });

  test("case L7: where its place is taken, the log of the job says so", async () => {
    place.write({
      ".baton/ci.yml": `jobs:
  build:
    run: mkdir out && pwd > out/path
    artifacts: {paths: [out/**]}
${["one", "two"].map((name) => `  ${name}:\n    needs: [build]\n    artifacts: {from: [build]}\n    run: sleep 1; test "$(cat out/path)" = "$PWD" && echo same || echo moved\n`).join("")}`,
    });
    const { stdout, stderr } = await baton(place, ["run", "--slots", "2"]).ended;
    const lines = (stdout + stderr).split("\n");
    expect(lines.filter((line) => / same$/.test(line)).length).toBe(1);
    expect(lines.filter((line) => / moved$/.test(line)).length).toBe(1);
    expect(
      lines.filter((line) => /warning: the artifacts of build were made in a workspace at another path/.test(line))
        .length,
    ).toBe(1);
  });

  test.skipIf(!has("cmake", "--version"))("case L7: cmake in one job, ctest in the next", async () => {
    place.write({
      ".baton/ci.yml": CMAKE,
      "CMakeLists.txt": `cmake_minimum_required(VERSION 3.10)
project(shop LANGUAGES NONE)
enable_testing()
add_test(NAME here COMMAND \${CMAKE_COMMAND} -E cat \${CMAKE_SOURCE_DIR}/CMakeLists.txt)
`,
    });
    const { code, stdout, stderr } = await baton(place, ["run", "--slots", "2"]).ended;
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain("100% tests passed");
  });
});
