import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { eventually } from "../support/eventually.ts";
import { podmanAt } from "../support/podman.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";

/**
 * The systemd unit under a real systemd, as process 1 of a container that stands for a host. `npm run test:container`
 * makes it and names it here; without that there is none, and the tests are skipped.
 */

const image = process.env["BATON_TEST_HOST_IMAGE"];
const podman = podmanAt(process.env["BATON_TEST_STORAGE"] ?? "");
const host = `host-${process.pid}`;
const why = image === undefined ? " (skipped: no host; npm run test:container makes one with podman)" : "";

describe.skipIf(image === undefined)(`the runner's systemd unit${why}`, () => {
  let system: WholeSystem;

  beforeAll(async () => {
    system = await startWholeSystem({ memory: true });
    await podman(
      "run",
      "--detach",
      "--name",
      host,
      "--systemd=always",
      "--privileged",
      "--network",
      "host",
      image ?? "",
      "/sbin/init",
    );
    // As on a host: what systemd mounts for a service must reach it. In a container it leaves that to the container.
    await podman("exec", host, "mount", "--make-rshared", "/");
    await eventually(
      "systemd is up",
      async () => /^(running|degraded)$/.test(await onHost("systemctl is-system-running || true")),
      30_000,
      250,
    );
    const { url, token } = system.stack();
    await onHost(`umask 077; echo '${token}' >/etc/baton-runner/token`);
    await onHost(
      `printf '%s\\n' 'BATON_URL=${url}' 'BATON_RUNNER_OPTIONS=--slots 2 --drain-ms 5000' >/etc/baton-runner/environment`,
    );
    await onHost("systemctl start baton-runner");
  });
  afterAll(async () => {
    await podman("rm", "--force", "--time", "0", host);
    await system.stop();
  });

  const onHost = (script: string) => podman("exec", host, "sh", "-c", script);
  const shown = (property: string) => onHost(`systemctl show --property ${property} --value baton-runner`);
  const jobOf = async (runId: string) => (await listAllJobs(system.client, runId)).jobs[0];
  const running = (runId: string) => eventually("the job runs", async () => (await jobOf(runId))?.state === "running");
  const alive = async (command: string) => Number(await onHost(`pgrep -fxc '${command}' || true`));

  test("a job runs without privilege: the system read-only, the settings out of sight", async () => {
    const script =
      "[ $(id -un) = baton-runner ]; ! touch /etc/x; ! ls /etc/baton-runner; ! ls /root; git --version; touch /var/lib/baton-runner/x";
    const runId = await createRunOf(system.client, `jobs: {one: {run: "${script}"}}\n`);
    expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
  });

  test("a stop lets the running job end by itself, as its own success", async () => {
    const runId = await createRunOf(system.client, "jobs: {slow: {run: sleep 3}}\n");
    await running(runId);
    await onHost("systemctl stop baton-runner");
    expect(await runEnds(system.client, runId)).toMatchObject({ state: "succeeded" });
    expect([await shown("Result"), await shown("ExecMainStatus")]).toEqual(["success", "0"]);
    await onHost("systemctl start baton-runner");
  });

  test("a job that outlives the drain is ended and given back, by nobody's SIGKILL of the watchdog", async () => {
    const runId = await createRunOf(system.client, `jobs: {one: {run: "[ $BATON_FENCE -gt 1 ] || sleep 301"}}\n`);
    await running(runId);
    await onHost("systemctl stop baton-runner");
    expect((await jobOf(runId))?.state).toBe("queued");
    expect(await alive("sleep 301")).toBe(0);
    await onHost("systemctl start baton-runner");
    expect(await runEnds(system.client, runId, 30_000)).toMatchObject({ state: "succeeded" });
  });

  test("after kill -9 the watchdogs end the steps and give the lease back; the service comes again and has the job", async () => {
    const script = "[ $BATON_FENCE -gt 1 ] || { setsid sleep 302 & sleep 303; }";
    const runId = await createRunOf(system.client, `jobs: {one: {run: "${script}"}}\n`);
    await eventually("the steps run", async () => (await alive("sleep 302")) + (await alive("sleep 303")) === 2);
    await onHost("systemctl kill --signal KILL --kill-who main baton-runner");
    await eventually(
      "the steps are gone",
      async () => (await alive("sleep 302")) + (await alive("sleep 303")) === 0,
      5_000,
    );
    // Well before the lease would have expired.
    expect(await runEnds(system.client, runId, 20_000)).toMatchObject({ state: "succeeded" });
    expect((await jobOf(runId))?.attempts).toHaveLength(2);
    expect(await shown("NRestarts")).toBe("1");
  });

  test("a refused token ends the service, and it does not come again", async () => {
    await onHost(
      "systemctl stop baton-runner; umask 077; echo nonsense >/etc/baton-runner/token; systemctl start baton-runner",
    );
    await eventually(
      "the service has failed",
      async () => (await onHost("systemctl is-failed baton-runner || true")) === "failed",
    );
    expect(await shown("ExecMainStatus")).toBe("2");
  });
});
