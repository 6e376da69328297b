import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { type HostService, type Metadata, startHostService, startMetadata } from "../support/host-service.ts";
import { CALLERS, type HostWorld, INSTANCE, startHostWorld } from "../support/host-world.ts";
import { type StartedProgram, startProgram } from "../support/start-program.ts";

/** Root's service on an EC2 instance, and the runner that has one session of it in place of a token. */

const RUNNER = fileURLToPath(new URL("../../runner/main.ts", import.meta.url));

let folder: string;
let plane: FakeControlPlane;
let metadata: Metadata;
let service: HostService | undefined;
let runner: StartedProgram | undefined;
let hosts: HostWorld | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "baton-host-"));
  plane = await startFakeControlPlane();
  metadata = await startMetadata(CALLERS.host, INSTANCE);
  service = runner = hosts = undefined;
});
afterEach(async () => {
  runner?.signal("SIGKILL");
  await runner?.exited;
  await service?.stop();
  await metadata.stop();
  await plane.stop();
  await hosts?.stop();
  rmSync(folder, { recursive: true });
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<HostService> {
  service = await startHostService({ folder, url: plane.url, metadata, env });
  return service;
}

/** `metadataUrl`: of a service that steps could reach; by default one that is not there. */
function run(session: string, more: readonly string[] = [], metadataUrl = "http://127.0.0.1:9"): StartedProgram {
  const file = join(folder, "given");
  writeFileSync(file, session, { mode: 0o600 });
  const args = [RUNNER, "--url", plane.url, "--ephemeral", "--session-file", file, "--work-dir", join(folder, "w")];
  runner = startProgram(process.execPath, [...args, ...more], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, AWS_EC2_METADATA_SERVICE_ENDPOINT: metadataUrl },
  });
  return runner;
}

test("case A6: each who connects gets a session of one job, opened by a proof that the control plane takes", async () => {
  const audience = new URL(plane.url).host;
  hosts = await startHostWorld(audience);
  hosts.world.clock.nowMs = systemClock.nowMs();
  const { take, socket } = await start({ AWS_ENDPOINT_URL_STS: hosts.sts.url });
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await take())).toMatchObject({ sessionToken: "session", pools: [{ name: "default" }] });
  const [opened] = plane.calls;
  expect(opened).toMatchObject({ name: "openSession", body: { name: INSTANCE, slots: 1, ephemeral: true } });
  expect((await hosts.open(opened?.token ?? "")).status).toBe(201);
});

test("case A6: where no session can be had, who connects gets nothing, and the service says why and lives on", async () => {
  plane.fault("openSession", "reject");
  const { take, said } = await start();
  expect(await take()).toBe("");
  expect(said()).toContain("no session could be opened: rejected for a test");
  expect(said()).not.toContain(CALLERS.host.secretAccessKey);
  expect(await take()).toContain("sessionToken");
});

test("case A6, SECURITY 23: a runner with a given session runs its one job, and never opens another session", async () => {
  const { take } = await start();
  const job = plane.addJob({ script: "echo ran" });
  plane.offer(job);
  const busyFile = join(folder, "busy");
  expect(await run(await take(), ["--busy-file", busyFile]).exited).toBe(0);
  expect(job.ends).toEqual(["complete succeeded"]);
  expect(plane.calls.map(({ name }) => name).filter((name) => /Session|claim/.test(name))).toEqual([
    "openSession",
    "claim",
    "closeSession",
  ]);
});

test("case A6: a runner whose session is over ends in order: the next start has another", async () => {
  const { take } = await start();
  const session = JSON.stringify({ ...JSON.parse(await take()), expiresInMs: 1_000 });
  const one = run(session);
  expect(await one.exited).toBe(0);
  expect(one.said()).toContain("its session is over");
});

test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["another JSON", '{"sessionToken": "x"}'],
])("case A6: %s in place of a session is said in a line, and tried again by systemd", async (_what, text) => {
  const one = run(text);
  expect(await one.exited).toBe(1);
  expect(one.said()).toMatch(
    /^baton runner: --session-file: \S+ holds no session; [^\n]*journalctl -u baton-host\)\n$/,
  );
});

test("case A6: a notice file that is no notice is said, and the runner goes on", async () => {
  const { take } = await start();
  const noticeFile = join(folder, "odd");
  writeFileSync(noticeFile, "{}");
  const one = run(await take(), ["--notice-file", noticeFile]);
  await eventually("it is said", () => one.said().includes("--notice-file"));
  const job = plane.addJob();
  plane.offer(job);
  expect(await one.exited).toBe(0);
  expect(job.ends).toEqual(["complete succeeded"]);
});

test("case A6, SECURITY 23: where steps could reach the metadata service, the runner does not start, and takes no job", async () => {
  const { take } = await start();
  plane.offer(plane.addJob());
  const one = run(await take(), [], metadata.url);
  expect(await one.exited).toBe(2);
  expect(one.said()).toContain(`the metadata service ${metadata.url} can be reached from here; so could steps`);
  expect(plane.calls.map(({ name }) => name)).toEqual(["openSession"]);
});

test("case A6: what answers there and is no metadata service, as a proxy of the network, is none", async () => {
  const { take } = await start();
  plane.offer(plane.addJob());
  expect(await run(await take(), [], plane.url).exited).toBe(0);
});
