import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TAR_END, tarHeader, tarPadding } from "../../runner/products/write-tar.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeJob } from "../support/fake-control-plane.ts";
import { type RunnerBench, startRunnerBench } from "../support/runner-bench.ts";

/** A real runner process: what it keeps of what steps leave, and what becomes of a job whose inputs or artifacts are lost. */

vi.setConfig({ testTimeout: 120_000 });

let bench: RunnerBench;
let plane: RunnerBench["plane"];
beforeEach(async () => {
  bench = await startRunnerBench();
  ({ plane } = bench);
  await bench.runner();
});
afterEach(() => bench.stop());

/** Of a runner on a busy machine that packs hundreds of megabytes. */
const ended = (job: FakeJob) => eventually(`${job.runId} ends`, () => job.ends[0], 100_000);

function jobOf(script: string, artifacts: Partial<FakeJob["spec"]["artifacts"]>, change: Partial<FakeJob> = {}) {
  const job = plane.addJob({ script, ...change });
  Object.assign(job.spec.artifacts, artifacts);
  plane.offer(job);
  return job;
}

/** The members' names in the archive, as tar(1) tells them: escaped. */
function archived(job: FakeJob): string[] {
  const object = plane.objects.get(`artifacts/${job.runId}/${job.jobId}/1/artifacts.tar.gz`);
  const listed = execFileSync("tar", ["-tzf", "-", "--quoting-style=escape"], { input: object, encoding: "utf8" });
  return listed.trimEnd().split("\n");
}

describe("case L5: of what the artifact paths match,", () => {
  test("what cannot be kept is named with why, in the log and in the result, and the rest is kept", async () => {
    const make = [
      "mkdir -p out/deep && cd out",
      "echo good > good.txt; echo deep > deep/x",
      "printf x > \"$(printf 'caf\\351')\"",
      "printf x > \"$(printf 'two\\nlines')\"",
      "printf x > 'back\\slash'; printf x > ' blank '",
      "mkfifo pipe; ln -s ../../.. away; ln -s round round; ln -s good.txt link",
      "truncate -s 30G sparse; truncate -s 270M zeros",
    ].join("\n");
    const job = jobOf(make, { paths: ["out/**"] });
    expect(await ended(job)).toBe("complete succeeded");
    expect(archived(job).sort()).toEqual([
      "out/ blank ",
      "out/back\\\\slash",
      "out/caf\\351",
      "out/deep/x",
      "out/good.txt",
      "out/link",
      "out/round",
      "out/two\\nlines",
      "out/zeros",
    ]);
    const told = [
      "artifacts: 3 of the 12 that the paths match are not kept",
      "artifact out/away is not kept: it is a link that leads out, to ../../..",
      "artifact out/pipe is not kept: it is a named pipe, and no file",
      "artifact out/sparse is not kept: it has more than 21474836480 bytes",
    ];
    expect(job.completion).toMatchObject({ artifacts: [{ files: 9 }], losses: told });
    for (const line of told) expect(plane.logOf(job)).toContain(`--- warning: ${line}\n`);
  });

  test("where nothing at all can be kept, the attempt is given back: no job is green that lost all it made", async () => {
    const job = jobOf("mkfifo only", { paths: ["only"] });
    expect(await ended(job)).toBe("release artifacts_lost");
    const message = expect.stringMatching(/nothing .* could be kept: artifact only is not kept: it is a named pipe/);
    expect(job.releases[0]).toMatchObject({ failure: { class: "tooling", message }, log: { lostBytes: 0 } });
    expect(plane.logOf(job)).toContain("nothing of what the artifact paths match could be kept");
    const failed = jobOf("mkfifo only; exit 3", { paths: ["only"] });
    expect(await ended(failed)).toBe("complete failed");
    expect(failed.completion).toMatchObject({ exitCode: 3, failure: { class: "user" }, artifacts: [] });
    expect(failed.completion?.losses[0]).toContain("nothing of what the artifact paths match could be kept");
  });

  test("where the bucket refuses it, the attempt is given back", async () => {
    plane.bucket.takes = false;
    const job = jobOf("echo x > out", { paths: ["out"] });
    expect(await ended(job)).toBe("release artifacts_lost");
    const message = expect.stringContaining("the bucket answered 403");
    expect(job.releases[0]?.failure).toEqual({ class: "infra", message });
    // Each refusal may have been a link that had expired: fresh ones were asked for, a few times.
    expect(plane.calls.filter((call) => call.name === "uploads" && isArtifact(call.body))).toHaveLength(4);
  });

  test("where nothing matches, the job stays as it ended, and the log says why (case L17)", async () => {
    const paths = ["$OUT/x", "/abs/x", "../x", "none/", "~/x", "a\\b", "!out"];
    const job = jobOf("echo x > out", { paths });
    expect(await ended(job)).toBe("complete succeeded");
    expect(job.completion?.losses).toEqual([
      expect.stringMatching(/"\/abs\/x" matches nothing: it is absolute/),
      expect.stringMatching(/"\.\.\/x" matches nothing: it leaves the workspace/),
      expect.stringMatching(/"\$OUT\/x" matches nothing: no shell reads it, so \$OUT is only a name here/),
      'artifact path "none/" matches nothing',
      expect.stringMatching(/"~\/x" matches nothing: no shell reads it/),
      expect.stringMatching(/"a\\\\b" matches nothing: a \\ takes the next character/),
    ]);
    for (const line of job.completion?.losses ?? []) expect(plane.logOf(job)).toContain(`--- warning: ${line}\n`);
  });
});

const isArtifact = (body: unknown): boolean => JSON.stringify(body).includes('"artifact"');

describe("case L5: an input that cannot be had", () => {
  const content = Buffer.from("made by build\n");
  const file = { type: "file", path: "out/x", executable: false, bytes: content.length } as const;
  const archive = gzipSync(Buffer.concat([tarHeader(file), content, tarPadding(content.length), TAR_END]));

  /** A job that takes these bytes for the artifacts of `build`; `stored` is what lies in the bucket. */
  function dependent(stored: Buffer | undefined, promised = archive, urls = ["input"]) {
    if (stored !== undefined) plane.objects.set("input", stored);
    const sha256 = createHash("sha256").update(promised).digest("hex");
    const artifact = { name: "artifacts.tar.gz", kind: "archive" as const, bytes: promised.length, files: 1, sha256 };
    let asked = 0;
    const inputs = () => {
      const url = `${plane.url}/bucket/${urls[Math.min(asked++, urls.length - 1)]}`;
      return [{ jobId: "build", fence: 1, artifact, download: { method: "GET" as const, url, headers: {} } }];
    };
    return jobOf("cat out/x", { from: ["build"] }, { inputs });
  }

  async function expectGivenBack(job: FakeJob, failureClass: "infra" | "tooling", why: RegExp): Promise<void> {
    expect(await ended(job)).toBe("release inputs_lost");
    const [release] = job.releases;
    expect(release?.failure?.class).toBe(failureClass);
    expect(release?.failure?.message).toMatch(/^the artifacts of job "build" \(artifacts.tar.gz\) could not be/);
    expect(release?.failure?.message).toMatch(why);
    expect(release?.log?.lostBytes).toBe(0);
    // Named in the dependent's own log; and no step ran without it.
    expect(plane.logOf(job)).toContain(`--- ${release?.failure?.message}; this attempt is given back\n`);
    expect(plane.logOf(job)).not.toContain("step 1");
  }

  test("is there: the steps find it", async () => {
    const job = dependent(archive);
    expect(await ended(job)).toBe("complete succeeded");
    expect(plane.logOf(job)).toContain("made by build\n");
  });

  test("is not in the bucket: infrastructure", async () => {
    await expectGivenBack(dependent(undefined), "infra", /answered 404/);
  });

  test("has another digest: infrastructure", async () => {
    await expectGivenBack(dependent(gzipSync("something else"), archive), "infra", /not what was promised/);
  });

  test("is no archive: tooling", async () => {
    const damaged = Buffer.from("no archive");
    await expectGivenBack(dependent(damaged, damaged), "tooling", /cannot unpack/);
  });

  test("ends early: tooling", async () => {
    const damaged = gzipSync(gunzipSync(archive).subarray(0, 700));
    await expectGivenBack(dependent(damaged, damaged), "tooling", /ends early/);
  });

  test("has a link that has expired: a fresh one is asked for", async () => {
    const job = dependent(archive, archive, ["expired", "input"]);
    expect(await ended(job)).toBe("complete succeeded");
    expect(bench.calls("inputs")).toBe(2);
  });

  test("was never made: the log says so", async () => {
    const job = jobOf("true", { from: ["build"] });
    expect(await ended(job)).toBe("complete succeeded");
    expect(plane.logOf(job)).toContain("--- artifacts of build: it has none\n");
  });
});
