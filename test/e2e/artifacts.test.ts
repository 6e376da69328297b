import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { WITHOUT_SUPERUSER } from "../support/no-superuser.ts";
import { runEnds } from "../support/run-ends.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** Artifacts that are large, many, or hard to name, all the way through the embedded system and back. */

const LARGE_BYTES = 1_500_000_000;
const SMALL_FILES = 50_000;
const GROWTH_MAX_BYTES = 300_000_000;

/** `urandom`, which no archive can make smaller: what is stored is as large as what was made. */
const MAKE = `
mkdir -p out/many; cd out
head -c ${LARGE_BYTES} /dev/urandom > large
seq ${SMALL_FILES} | split -l 1 -a 5 -d - many/f
printf latin > "$(printf 'caf\\351')"
printf secret > secret; chmod 000 secret
printf good > good
sha256sum large
`;
const TAKE = `
cd out
test "$(cat good)" = good; test ! -e secret
test "$(cat "$(printf 'caf\\351')")" = latin
test "$(ls many | wc -l)" = ${SMALL_FILES}; test "$(cat many/f49999)" = ${SMALL_FILES}
sha256sum large
`;
const block = (script: string) => script.trim().split("\n").join("\n      ");
const DEFINITION = `jobs:
  make:
    artifacts: {paths: [out/**]}
    run: |
      ${block(MAKE)}
  take:
    needs: make
    artifacts: {from: [make]}
    run: |
      ${block(TAKE)}
`;

let system: WholeSystem;
let place: Place;
beforeAll(async () => {
  place = makePlace();
  system = await startWholeSystem({ memory: false });
});
afterAll(async () => {
  place.remove();
  await system.stop();
}, 600_000);

/** The most memory that a process has ever had, in bytes. */
const peakOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;

test("case L5: 1.5 GB, 50,000 small files, a name in Latin-1 and a file of mode 000, together in one job: the good ones arrive, the other is named", {
  timeout: 900_000,
}, async () => {
  const runner = await system.spawnRunner({ args: ["--slots", "1"], by: WITHOUT_SUPERUSER });
  const pids = [system.stack().pid, runner.pid];
  const before = pids.map(peakOf);
  const body = { definition: { path: "ci.yml", text: DEFINITION } };
  const { run } = await system.client.call("createRun", { body, headers: { "idempotency-key": "artifacts" } });
  expect(await runEnds(system.client, run.id, 840_000)).toMatchObject({ state: "succeeded" });

  const [make] = (await listAllJobs(system.client, run.id)).jobs;
  const end = make?.attempts[0]?.end;
  expect(end?.artifacts).toMatchObject([{ files: SMALL_FILES + 3 }]);
  expect(end?.losses).toEqual([
    `artifacts: 1 of the ${SMALL_FILES + 4} that the paths match is not kept`,
    expect.stringMatching(/^artifact out\/secret is not kept: this user may not/),
  ]);
  // Nobody held it whole: neither the bucket nor the runner, which sent it and fetched it.
  for (const [at, pid] of pids.entries()) expect(peakOf(pid) - (before[at] ?? 0)).toBeLessThan(GROWTH_MAX_BYTES);

  const env = { BATON_URL: system.stack().url, BATON_TOKEN: system.stack().token };
  const [shown, made, took] = await Promise.all(
    [
      ["show", run.id],
      ["logs", run.id, "make"],
      ["logs", run.id, "take"],
    ].map((args) => baton(place, ["runs", ...args], { env }).ended),
  );
  expect(shown?.stdout).toContain("artifact out/secret is not kept");
  expect(made?.stdout).toMatch(/warning: artifact out\/secret is not kept/);
  const digest = (text = "") => /[0-9a-f]{64}/.exec(text)?.[0];
  expect(digest(took?.stdout)).toBe(digest(made?.stdout));

  const reporting =
    "data:text/javascript,process.on('exit',()=>process._rawDebug('peak',process.resourceUsage().maxRSS))";
  const options = { env: { ...env, NODE_OPTIONS: `--import=${reporting}` } };
  const got = await baton(place, ["runs", "artifacts", run.id, "--download", "got"], options).ended;
  expect(got, got.stderr).toMatchObject({ code: 0 });
  const folder = join(place.project, "got/make/out");
  expect(execFileSync("sha256sum", [join(folder, "large")], { encoding: "utf8" })).toContain(digest(made?.stdout));
  expect(readdirSync(join(folder, "many"))).toHaveLength(SMALL_FILES);
  expect(readFileSync(Buffer.from(`${folder}/caf\xe9`, "latin1"), "utf8")).toBe("latin");
  const peaks = [...got.stderr.matchAll(/peak (\d+)/g)].map(([, kb]) => Number(kb) * 1_024);
  expect(Math.max(...peaks)).toBeLessThan(GROWTH_MAX_BYTES);
  rmSync(folder, { recursive: true });
});
