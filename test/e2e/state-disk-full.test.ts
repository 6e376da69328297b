import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUCKET_NAME, poolQueueName, queueUrl } from "../../localstack/names.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { ApiError, type Client, makeClient } from "../../shared/protocol/client.ts";
import { eventually } from "../support/eventually.ts";
import { isAlive } from "../support/processes.ts";
import { stackClients } from "../support/stack-clients.ts";

/** A state folder on a disk of its own, which fills up. Root may mount one. */

const DISK_MIB = 32;
const stateDir = mkdtempSync(join(tmpdir(), "baton-full-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m,mode=700`, "none", stateDir]).status === 0;
if (!mounted) console.log("no tmpfs can be mounted here: what a full disk does to the stack is not tried");

const filler = join(stateDir, "filler");
const fill = () => spawnSync("sh", ["-c", `cat /dev/zero > "${filler}"`]);
const RUN = { definition: { path: "ci.yml", text: "jobs: {a: {run: 'true'}}\n" } };

describe.skipIf(!mounted)("case A4: a state folder whose disk is full", () => {
  let stack: SpawnedStack;
  let client: Client;

  beforeAll(async () => {
    stack = await spawnStack({ stateDir });
    client = makeClient({ url: stack.url, token: stack.token });
    await client.call("createRun", { body: RUN });
    fill();
  });
  afterAll(async () => {
    await stack?.stop();
    await eventually("the small disk is unmounted", () => spawnSync("umount", [stateDir]).status === 0);
    rmdirSync(stateDir);
  });

  test("case A4: writes are answered with 507 that names the disk; reads are answered; logging goes on and kills nobody", async () => {
    const refusals: unknown[] = [];
    // The journals may have a little room left at first.
    await eventually("a write is refused", async () => {
      refusals.push(await client.call("createRun", { body: RUN }).catch((error: unknown) => error));
      return refusals.at(-1) instanceof ApiError;
    });
    expect(refusals.at(-1)).toMatchObject({ status: 507, code: "disk_full" });
    expect(String(refusals.at(-1))).toContain(
      "the disk on which this control plane keeps its state is full: make room",
    );
    for (let nth = 0; nth < 50; nth += 1) await client.call("createRun", { body: RUN }).catch(() => undefined);
    await expect(
      client.call("setSecret", { params: { project: "p", name: "S" }, body: { value: "v" } }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^(disk_full|not_found)$/) });
    expect((await client.call("listRuns", { query: { limit: 5 } })).runs.length).toBeGreaterThan(0);
  });

  test("case A4: queues and bucket say the same, and the stack outlives ten seconds of its own timers", async () => {
    const { sqs, s3, awsUrl } = stackClients(stack, stateDir);
    const QueueUrl = queueUrl(awsUrl, poolQueueName("default"));
    const message = new SendMessageCommand({ QueueUrl, MessageBody: "m".repeat(100_000) });
    await expect(sqs.send(message)).rejects.toThrow(/disk is full/);
    const object = new PutObjectCommand({ Bucket: BUCKET_NAME, Key: "logs/x", Body: "o".repeat(100_000) });
    await expect(s3.send(object)).rejects.toMatchObject({ $metadata: { httpStatusCode: 507 } });
    const untilMs = systemClock.monotonicMs() + 10_000;
    await eventually("ten seconds pass", () => systemClock.monotonicMs() > untilMs || !isAlive(stack.pid), 60_000, 100);
    expect([stack.pid, stack.enginePid].map(isAlive)).toEqual([true, true]);
  });

  test("case A4: once there is room it goes on, and its log says what it lost", async () => {
    rmSync(filler);
    await eventually("a run is created again", () =>
      client.call("createRun", { body: RUN }).then(
        () => true,
        () => false,
      ),
    );
    expect(readFileSync(stack.logFile, "utf8")).toContain("lines of this log were lost");
  });

  test("case A4: a start on a full disk says so in one line, and leaves no half-written file", async () => {
    await stack.stop();
    fill();
    rmSync(join(stateDir, "stack.json"), { force: true });
    const failed = await spawnStack({ stateDir }).catch((error: unknown) => error);
    expect(String(failed)).toMatch(/disk.* is full/);
    expect(String(failed)).not.toContain("\n");
    rmSync(filler);
    stack = await spawnStack({ stateDir });
    expect(spawnSync("sh", ["-c", `ls "${stateDir}"`]).stdout.toString()).not.toContain(".tmp");
  });
});
