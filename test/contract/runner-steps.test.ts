import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { ended, type RunnerBench, startRunnerBench } from "../support/runner-bench.ts";

/** A real runner process: what its steps get, print and leave, and when they fail. */

let bench: RunnerBench;
let plane: RunnerBench["plane"];
let scratch: RunnerBench["scratch"];
let runner: RunnerBench["runner"];
beforeEach(async () => {
  bench = await startRunnerBench();
  ({ plane, scratch, runner } = bench);
});
afterEach(() => bench.stop());

test("a step's environment holds what is declared, CI and BATON_*, and nothing of the runner's", async () => {
  await bench.spawn({ args: ["--pass-env", "PASSED"], env: { SECRET_OF_HOST: "x", PASSED: "on" } });
  const job = plane.addJob({ script: "env | sort | cut -d= -f1 | tr '\\n' ' '; ls -A $HOME; ls -A $TMPDIR" });
  plane.offer(job);
  await ended(job);
  expect(
    plane
      .logOf(job)
      .split("\n")[1]
      ?.split(" ")
      .filter((name) => !["OLDPWD", "PWD", "SHLVL", "_", ""].includes(name)),
  ).toEqual(
    "BATON BATON_ATTEMPT BATON_ATTEMPT_NUMBER BATON_FENCE BATON_JOB_ID BATON_JOB_NAME BATON_PIPELINE BATON_PROJECT BATON_RUN_ID BATON_WORKSPACE CI HOME LANG LOGNAME PASSED PATH TMPDIR USER".split(
      " ",
    ),
  );
});

test("nothing that a step prints, or leaves in a file, is a command to the runner (SECURITY 29)", async () => {
  await runner();
  const commands = [
    "::set-env name=FORGED::1",
    "::set-output name=forged::1",
    "::add-path::/forged",
    "::error::forged",
    "##vso[task.setvariable variable=FORGED]1",
    "##teamcity[buildStatus status='SUCCESS']",
    "--- step 2/2: step 2: ok after 1 ms",
    '{"outcome":"succeeded","checks":[{"id":"unit","outcome":"passed"}]}',
  ];
  const printed = `cat <<'END'\n${commands.join("\n")}\nEND\ncat >&2 <<'END'\n${commands.join("\n")}\nEND`;
  const left =
    'for folder in . .. "$HOME" "$TMPDIR"; do for name in .env .profile .bashrc env output; do echo FORGED=1 > "$folder/$name"; done; done';
  const see = "env | grep -c -e FORGED -e /forged || exit 7";
  const job = plane.addJob({ steps: [{ run: `${printed}\n${left}` }, { run: see, shell: "sh" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion).toMatchObject({ exitCode: 7, checks: [], artifacts: [], losses: [] });
  const log = plane.logOf(job);
  expect(log).toContain(`${commands.join("\n")}\n${commands.join("\n")}\n`);
  expect(log).toMatch(/--- step 2\/2: step 2\n0\n--- step 2\/2: step 2: ended with exit code 7/);
});

test("the first step that fails ends the job, with its exit code and its name", async () => {
  await runner();
  const job = plane.addJob({ steps: [{ run: "false\necho not reached" }, { run: "echo nor this" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion).toMatchObject({ exitCode: 1, failure: { class: "user", step: "step 1" } });
  expect(plane.logOf(job)).toMatch(/step 1\/2: step 1: ended with exit code 1, after/);
  expect(plane.logOf(job)).not.toMatch(/not reached|nor this/);
});

test("a missing shell, folder or secret is the tooling's failure, said in the log", async () => {
  await runner();
  const shell = plane.addJob({ steps: [{ run: "true", shell: "no-such-shell" }] });
  const workdir = plane.addJob({ steps: [{ run: "true", workdir: "../.." }] });
  const secret = plane.addJob();
  secret.spec.secrets.push("DEPLOY_KEY");
  for (const job of [shell, workdir, secret]) plane.offer(job);
  for (const job of [shell, workdir, secret]) {
    expect(await ended(job)).toBe("complete failed");
    expect(job.completion?.failure?.class).toBe("tooling");
  }
  expect(plane.logOf(shell)).toContain("no-such-shell");
  expect(plane.logOf(workdir)).toContain("outside the workspace");
  expect(plane.logOf(secret)).toContain('"DEPLOY_KEY"');
});

test("a workspace that a step has removed is said to be gone, and not its shell", async () => {
  await runner();
  const job = plane.addJob({ steps: [{ run: 'rm -r "$BATON_WORKSPACE"' }, { run: "true" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion?.failure).toMatchObject({
    class: "user",
    message: "the workspace is gone: a step removed it",
  });
});

test("a secret reaches the step and is masked in the log", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "DEPLOY_KEY=correct-horse-battery\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({ script: `test "$DEPLOY_KEY" = correct-horse-battery; echo "key: $DEPLOY_KEY"` });
  job.spec.secrets.push("DEPLOY_KEY");
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("key: ***");
  expect(plane.logOf(job)).not.toContain("horse");
});

test("what the runner's file does not hold comes from the job's project, and is masked as well", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "OWN=correct-horse-battery\nBOTH=from-the-file\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({
    script: 'echo "$OWN, $THEIRS, $BOTH"; test "$BOTH" = from-the-file && test -n "$THEIRS"',
  });
  job.spec.secrets.push("OWN", "THEIRS", "BOTH");
  job.projectSecrets = { THEIRS: "staple-of-the-project", BOTH: "from-the-project" };
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("***, ***, ***");
  const content = plane.addJob({ script: "true" });
  content.spec.secrets.push("OWN");
  plane.offer(content);
  expect(await ended(content)).toBe("complete succeeded");
  const asked = plane.calls.filter(({ name }) => name === "secrets").map(({ params }) => params["run"]);
  expect(asked).toEqual([job.runId]);
});

test("SECURITY 19: a fork's job gets no secret, not even of the runner's own file, and its log says so", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "DEPLOY_KEY=correct-horse-battery\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({ script: "env | sort; ! env | grep -q DEPLOY_KEY", fork: true });
  job.spec.secrets.push("DEPLOY_KEY");
  job.projectSecrets = { DEPLOY_KEY: "staple-of-the-project" };
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain('warning: a run of a fork\'s pull request gets no secrets: "DEPLOY_KEY" not set');
  expect(plane.logOf(job)).not.toMatch(/horse|staple/);
  expect(plane.calls.some(({ name }) => name === "secrets")).toBe(false);
});

test("an attempt that gets no answer about its secrets is given back, and no step of it starts", async () => {
  await runner();
  const job = plane.addJob({ script: "touch ran", ttlMs: 3_000, heartbeatMs: 1_000 });
  job.spec.secrets.push("DEPLOY_KEY");
  plane.fault("secrets", "refuse", 100);
  plane.offer(job);
  expect(await ended(job)).toBe("release workspace_failed");
  expect(plane.calls.some(({ name }) => name === "complete")).toBe(false);
});

test("a step over its timeout fails the job by name, a job over its own is timed out, and both are gone", async () => {
  await runner();
  const step = plane.addJob({ steps: [{ run: "echo $$ > pid; sleep 100", timeoutMs: 300 }] });
  const job = plane.addJob({ script: "sleep 100", timeoutMs: 300 });
  plane.offer(step);
  plane.offer(job);
  expect(await ended(step)).toBe("complete failed");
  expect(step.completion?.failure?.message).toContain('step "step 1" ran longer than its timeout of 0.3 s');
  expect(await ended(job)).toBe("complete timed_out");
  expect(job.completion?.failure?.message).toContain("ran longer than its timeout");
});

test("500 MB of output pass with bounded memory", async () => {
  const one = await runner();
  const size = 500_000_000;
  const line = "2026-11-20T12:00:00Z INFO  compile src/module/file.ts in 12 ms, 3 warnings, ok";
  const job = plane.addJob({ script: `yes '${line}' | head -c ${size}`, timeoutMs: 200_000 });
  plane.offer(job);
  let peakKb = 0;
  const startedAtMs = systemClock.monotonicMs();
  await eventually(
    "the job ends",
    () => {
      peakKb = Math.max(peakKb, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${one.pid}/status`, "utf8"))?.[1]));
      return job.ends[0];
    },
    200_000,
  );
  const rate = size / 1_000 / (systemClock.monotonicMs() - startedAtMs);
  console.log(`output: ${rate.toFixed(0)} MB/s, the runner's peak RSS ${(peakKb / 1_024).toFixed(0)} MiB`);
  expect(job.completion).toMatchObject({ outcome: "succeeded", losses: [] });
  expect(job.completion?.log.bytes).toBeGreaterThan(size);
  expect(peakKb / 1_024).toBeLessThan(300);
});
