import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { eventually } from "../support/eventually.ts";
import { podmanAt } from "../support/podman.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/**
 * The container image, built from `runner/Dockerfile` and run by a real engine. `npm run test:container` builds it and
 * names it here; without that there is no image, and the tests are skipped.
 */

const image = process.env["BATON_TEST_IMAGE"];
const podman = podmanAt(process.env["BATON_TEST_STORAGE"] ?? "");

const why = image === undefined ? " (skipped: no image; npm run test:container builds one with podman)" : "";

describe.skipIf(image === undefined)(`the runner's container${why}`, () => {
  let system: WholeSystem;
  let containers: string[];

  beforeAll(async () => {
    system = await startWholeSystem({ memory: true });
    containers = [];
    writeFileSync(join(system.stateDir, "runner.token"), system.stack().token, { mode: 0o444 });
  });
  afterAll(async () => {
    if (containers.length > 0) await podman("rm", "--force", "--time", "0", ...containers);
    await system.stop();
  });

  /** Locked down as an operator would: no privilege, nothing to write to but its own volume. */
  async function start(...options: string[]): Promise<string> {
    const name = `runner-${containers.length}-${process.pid}`;
    const lockedDown = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"];
    const token = `${join(system.stateDir, "runner.token")}:/run/secrets/baton-token:ro`;
    const place = ["--network", "host", "--volume", token, "--env", `BATON_URL=${system.stack().url}`];
    containers.push(name);
    await podman(
      "run",
      "--detach",
      "--name",
      name,
      ...lockedDown,
      ...place,
      image ?? "",
      ...(options.length > 0 ? ["--token-file", "/run/secrets/baton-token", ...options] : []),
    );
    await eventually(`${name} is healthy`, () => isHealthy(name), 30_000, 250);
    return name;
  }

  const isHealthy = (name: string) =>
    podman("healthcheck", "run", name).then(
      () => true,
      () => false,
    );
  const stateOf = async (runId: string) => (await listAllJobs(system.client, runId)).jobs[0]?.state;

  test("it runs a job as nobody in particular, with git, and reaps what steps leave behind", async () => {
    const name = await start("--slots", "2", "--name", "container");
    const script =
      "id -u; git --version; grep -q '^CapEff:.*0000000000000000$' /proc/self/status; (setsid sleep 0.2 &)";
    const runId = await createRunOf(system.client, `jobs: {one: {run: "${script}; [ $(id -u) = 10001 ]"}}\n`);
    expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
    expect(await podman("exec", name, "cat", "/proc/1/comm")).toBe("tini");
    const states = "for s in /proc/[0-9]*/status; do grep ^State $s 2>/dev/null; done";
    await eventually(
      "no zombie is left",
      async () => !(await podman("exec", name, "sh", "-c", states)).includes("zombie"),
    );
    await podman("rm", "--force", "--time", "0", name);
    containers.pop();
  });

  test("a stop drains: what runs ends by itself, and the container with 0", async () => {
    const name = await start();
    const runId = await createRunOf(system.client, "jobs: {slow: {run: sleep 3}}\n");
    await eventually("the job runs", async () => (await stateOf(runId)) === "running");
    await podman("stop", "--time", "75", name);
    expect(await podman("inspect", "--format", "{{.State.ExitCode}}", name)).toBe("0");
    expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  });

  test("an ephemeral container runs one job and ends", async () => {
    const name = await start("--ephemeral");
    const runId = await createRunOf(system.client, "jobs: {one: {run: 'true'}, two: {run: 'true'}}\n");
    expect(await podman("wait", name)).toBe("0");
    const { jobs } = await listAllJobs(system.client, runId);
    expect(jobs.map(({ state }) => state).sort()).toEqual(["queued", "succeeded"]);
  });
});
