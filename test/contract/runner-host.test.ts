import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { FAKE_TOKEN, type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { type HostService, type Metadata, startHostService, startMetadata } from "../support/host-service.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";

/** What a runner process does about its host: one job and no more, a broken disk, an EC2 instance that goes. */

let plane: FakeControlPlane;
let runners: RunnerProcess[];
let recorders: HttpRecorder[];
let services: (() => Promise<void>)[];

beforeEach(async () => {
  plane = await startFakeControlPlane();
  runners = [];
  recorders = [];
  services = [];
});

afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.discard()));
  await Promise.all(services.map((stop) => stop()));
  await Promise.all(recorders.map((recorder) => recorder.stop()));
  await plane.stop();
});

async function runner(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunnerProcess> {
  const one = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, args, env });
  runners.push(one);
  return one;
}

const sessionBody = () => plane.calls.find(({ name }) => name === "openSession")?.body;

test("SECURITY 23: an ephemeral runner asks for a session of one claim, runs one job of two and ends, leaving nothing", async () => {
  const jobs = [plane.addJob({ script: "echo $PWD; touch here ../there" }), plane.addJob()];
  for (const job of jobs) plane.offer(job);
  const one = await runner(["--ephemeral", "--forget-token"]);
  expect(await one.exited).toEqual({ code: 0, signal: null });
  expect(jobs.flatMap(({ ends }) => ends)).toEqual(["complete succeeded"]);
  expect(plane.calls.filter(({ name }) => name === "claim")).toHaveLength(1);
  expect(sessionBody()).toMatchObject({ ephemeral: true, slots: 1 });
  expect(one.events.map(({ type }) => type)).toContain("stopped");
  expect(readdirSync(one.workDir)).toEqual([]);
  expect(existsSync(join(one.workDir, "token"))).toBe(false);
});

test("a host that breaks attempts gives the lease back, puts later offers back, and claims no more for seconds", async () => {
  const one = await runner(["--slots", "2"]);
  await one.heard("ready");
  for (const name of readdirSync(one.workDir))
    if (name.startsWith("runner-")) rmSync(join(one.workDir, name), { recursive: true });
  const jobs = [plane.addJob(), plane.addJob()];
  for (const job of jobs) plane.offer(job);
  await one.heard("backing_off");
  const ended = await eventually("an attempt ends", () => one.events.find(({ type }) => type === "attempt_ended"));
  expect(ended).toMatchObject({ end: "broken" });
  const claimed = () => plane.calls.filter(({ name }) => name === "claim").length;
  const before = claimed();
  for (let copy = 0; copy < 20; copy += 1) for (const job of jobs) plane.offer(job);
  // Less than the shortest pause, and a hundred times as long as a claim takes.
  await eventually("2 s pass", () => untilPast(one, 2_000), 5_000, 100);
  expect(claimed()).toBe(before);
  expect(before).toBeLessThanOrEqual(2);
  expect(one.events.filter(({ type }) => type === "backing_off")).toHaveLength(1);
  expect(plane.offersLeft()).toBeGreaterThanOrEqual(40);
});

const waits = new WeakMap<RunnerProcess, number>();
/** Whether so much time has passed since it was first asked. */
function untilPast(one: RunnerProcess, ms: number): boolean {
  const since = waits.get(one) ?? systemClock.monotonicMs();
  waits.set(one, since);
  return systemClock.monotonicMs() - since > ms;
}

interface Instance {
  readonly metadata: Metadata;
  readonly scaling: HttpRecorder;
  /** What joins a runner to the instance's service. */
  readonly args: readonly string[];
  readonly service: HostService;
  refusals: number;
}

const SCALING_XML = (result: string, name: string) =>
  `<${name}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${name}Result>${result}</${name}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${name}Response>`;
const MEMBER = `<AutoScalingInstances><member><InstanceId>i-1</InstanceId><AutoScalingGroupName>runners</AutoScalingGroupName>
<AvailabilityZone>a</AvailabilityZone><LifecycleState>InService</LifecycleState><HealthStatus>HEALTHY</HealthStatus>
<ProtectedFromScaleIn>false</ProtectedFromScaleIn></member></AutoScalingInstances>`;

/** An instance with its metadata, its Auto Scaling group's API, and root's service between them and the runner. */
async function ec2Instance(env: Readonly<Record<string, string>> = {}): Promise<Instance> {
  const instance = { refusals: 0 };
  const metadata = await startMetadata();
  const scaling = await startHttpRecorder(({ body }) => {
    const action = new URLSearchParams(body).get("Action") ?? "";
    if (action === "SetInstanceProtection" && instance.refusals > 0) {
      instance.refusals -= 1;
      return {
        status: 503,
        body: "<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>no</Message></Error></ErrorResponse>",
      };
    }
    return { status: 200, body: SCALING_XML(action === "SetInstanceProtection" ? "" : MEMBER, action) };
  });
  recorders.push(metadata, scaling);
  const folder = mkdtempSync(join(tmpdir(), "baton-host-"));
  const service = await startHostService({
    folder,
    url: plane.url,
    metadata,
    env: { AWS_ENDPOINT_URL_AUTO_SCALING: scaling.url, ...env },
  });
  services.push(async () => {
    await service.stop();
    rmSync(folder, { recursive: true });
  });
  const args = ["--notice-file", service.noticeFile, "--busy-file", service.busyFile];
  return Object.assign(instance, { metadata, scaling, args, service });
}

const protections = ({ scaling }: Instance) =>
  scaling.heard
    .map(({ body }) => new URLSearchParams(body))
    .filter((call) => call.get("Action") === "SetInstanceProtection")
    .map((call) => [
      call.get("AutoScalingGroupName"),
      call.get("InstanceIds.member.1"),
      call.get("ProtectedFromScaleIn"),
    ]);

test("an EC2 instance is protected from scale-in while its runner holds a lease, and let go at the end", async () => {
  const instance = await ec2Instance();
  const one = await runner([...instance.args, "--drain-ms", "0"]);
  const job = plane.addJob({ script: "while [ ! -e go ]; do sleep 0.05; done; true" });
  plane.offer(job);
  await eventually("the instance is protected", () => protections(instance).length === 1);
  expect(protections(instance)).toEqual([["runners", "i-1", "true"]]);
  expect(instance.scaling.heard[0]?.headers.authorization).toContain("Credential=ASIAINSTANCEINSTANCE/");
  one.child.kill("SIGTERM");
  await eventually("the instance is let go", () => protections(instance).length === 2);
  expect(protections(instance)[1]).toEqual(["runners", "i-1", "false"]);
  expect((await one.exited).code).toBe(0);
  expect(job.ends).toEqual(["release drain"]);
});

test("an attempt that breaks off in a way that nobody foresaw has ended: its instance is let go, its slot is free", async () => {
  const instance = await ec2Instance();
  plane.fault("ack", "reject");
  plane.fault("release", "reject", 2);
  const one = await runner([...instance.args, "--slots", "1"]);
  plane.offer(plane.addJob());
  expect(await one.heard("attempt_ended")).toMatchObject({ end: "broken" });
  expect(one.events).toContainEqual(
    expect.objectContaining({ type: "trouble", message: expect.stringMatching(/broke off/) }),
  );
  await eventually("the instance is let go", () => !existsSync(instance.service.busyFile));
  expect(one.child.exitCode).toBeNull();
});

test("a group that refuses protection for a moment is asked again, and the job does not notice", async () => {
  const instance = await ec2Instance({ AWS_MAX_ATTEMPTS: "1" });
  instance.refusals = 2;
  const one = await runner(instance.args);
  const go = join(one.workDir, "go");
  const job = plane.addJob({ script: `while [ ! -e ${go} ]; do sleep 0.05; done` });
  plane.offer(job);
  await eventually("the instance is protected", () => protections(instance).length === 3, 30_000);
  expect(instance.service.said().match(/could not be set/g)).toHaveLength(2);
  writeFileSync(go, "");
  await eventually("the job ends", () => job.ends[0]);
  expect(job.ends).toEqual(["complete succeeded"]);
});

test("a spot notice drains: no more offers are taken, and what runs has until shortly before the end", async () => {
  const instance = await ec2Instance();
  const one = await runner([...instance.args, "--drain-ms", "30000"]);
  const job = plane.addJob({ script: "sleep 1; echo done" });
  plane.offer(job);
  await one.heard("attempt_started");
  instance.metadata.notice = JSON.stringify({
    action: "terminate",
    time: new Date(systemClock.nowMs() + 120_000).toISOString(),
  });
  expect(await one.heard("interruption")).toMatchObject({ action: "terminate" });
  expect((await one.exited).code).toBe(0);
  expect(job.ends).toEqual(["complete succeeded"]);
  expect(one.events).toContainEqual({
    type: "draining",
    reason: "EC2 will terminate this instance",
    running: expect.any(Number),
  });
  const asked = instance.metadata.heard.filter(({ path }) => path.endsWith("spot/instance-action"));
  expect(asked.every(({ headers }) => headers["x-aws-ec2-metadata-token"] !== undefined)).toBe(true);
});

test("a spot notice with no time left gives the lease back at once", async () => {
  const instance = await ec2Instance();
  instance.metadata.notice = JSON.stringify({
    action: "terminate",
    time: new Date(systemClock.nowMs() + 1_000).toISOString(),
  });
  const one = await runner(instance.args);
  expect((await one.exited).code).toBe(0);
  expect(one.events.map(({ type }) => type)).toContain("interruption");
});
