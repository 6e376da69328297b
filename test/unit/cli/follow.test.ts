import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FOLLOW_MIN_MS } from "../../../cli/follow/follow-delay.ts";
import { followRun } from "../../../cli/follow/follow-run.ts";
import type { FollowSink } from "../../../cli/follow/follow-sink.ts";
import { announceJobEnd } from "../../../cli/print/announce.ts";
import { makeFollowPrinter } from "../../../cli/print/follow-printer.ts";
import { printRunTable } from "../../../cli/print/run-table.ts";
import { makeNudge } from "../../../runner/nudge.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import { makeClient, UnreachableError } from "../../../shared/protocol/client.ts";
import type { JobView } from "../../../shared/protocol/runs.ts";
import { attempt, job, RUN_ID, run, START } from "./fixtures.ts";
import { type FollowServer, pageOf, putLog, startFollowServer } from "./follow-server.ts";

let server: FollowServer;
beforeEach(async () => {
  server = await startFollowServer();
});
afterEach(() => server.close());

/** Follows to the end and returns what was told, in order. */
async function follow(options: Partial<Parameters<typeof followRun>[0]> = {}): Promise<string[]> {
  const told: string[] = [];
  const sink: FollowSink = {
    jobQueued: (one) => void told.push(`${one.id} queued`),
    attemptStarted: (one, { fence }) => void told.push(`${one.id} ${fence} started`),
    output: (one, bytes) => void told.push(`${one.id}: ${Buffer.from(bytes).toString()}`),
    gap: (one, gap) => void told.push(`${one.id} gap ${gap.bytes} ${gap.reason}`),
    attemptEnded: (one, { fence, end }) => void told.push(`${one.id} ${fence} ${end?.outcome}`),
    jobEnded: (one) => void told.push(`${one.id} ${one.state}`),
    runMoved: () => undefined,
  };
  await followRun({ client: makeClient({ url: server.url, token: "t" }), runId: RUN_ID, sink, ...options });
  return told;
}

const ended = (outcome: "succeeded" | "failed" | "lost") => ({ outcome, atMs: START + 1 });
const show = (state: "live" | "succeeded" | "failed", ...jobs: JobView[]) => ({ run: run(state), jobs, checks: [] });
/** Answers in turn; the last one again and again. */
function inTurn(...answers: (ReturnType<typeof show> | number)[]): () => ReturnType<typeof show> | number {
  return () => (answers.length > 1 ? answers.shift() : answers[0]) ?? 404;
}

const done = (id: string, fence = 1) =>
  job(id, { state: "succeeded", queuedAtMs: START, attempts: [attempt(fence, { end: ended("succeeded") })] });

describe("what is told, and in which order", () => {
  test("an attempt's remaining output comes before its end, and that before the next attempt", async () => {
    putLog(server, "build/1", ["one\n", "two\n"]);
    putLog(server, "build/2", ["three\n"]);
    const attempts = [attempt(1, { end: ended("lost") }), attempt(2, { end: ended("succeeded") })];
    server.seen = () => show("succeeded", job("build", { state: "succeeded", queuedAtMs: START, attempts }));
    expect(await follow()).toEqual([
      "build queued",
      "build 1 started",
      "build: one\n",
      "build: two\n",
      "build 1 lost",
      "build 2 started",
      "build: three\n",
      "build 2 succeeded",
      "build succeeded",
    ]);
  });

  test("output appears while the attempt runs, and none of it twice after its seal", async () => {
    const texts = ["a\n", "b\n", "c\n"];
    const live = putLog(server, "t/1", texts, { sealed: false });
    const sealed = putLog(server, "t/1", texts);
    let polls = 0;
    server.logs.set("t/1", (after) => {
      polls += 1;
      if (polls <= 3) return pageOf("t/1", live.slice(0, polls - 1), after, { sealed: false });
      return pageOf("t/1", sealed, after, { sealed: true });
    });
    const running = job("t", { state: "running", queuedAtMs: START, attempts: [attempt(1)] });
    server.seen = inTurn(
      show("live", running),
      show("live", running),
      show("live", running),
      show("succeeded", done("t")),
    );
    expect(await follow()).toEqual([
      "t queued",
      "t 1 started",
      "t: a\n",
      "t: b\n",
      "t: c\n",
      "t 1 succeeded",
      "t succeeded",
    ]);
  });

  test("a log of many pages is read to its end", async () => {
    const texts = Array.from({ length: 23 }, (_, at) => `${at}\n`);
    putLog(server, "t/1", texts, { sealed: true, pageSize: 3 });
    server.seen = () => show("succeeded", done("t"));
    const told = await follow();
    expect(told.filter((line) => line.startsWith("t: "))).toEqual(texts.map((text) => `t: ${text}`));
  });

  test("a job that never ran is told by its end alone", async () => {
    server.seen = () => show("failed", job("deploy", { state: "skipped" }));
    expect(await follow()).toEqual(["deploy skipped"]);
  });

  test("one job is followed to its own end, though the run goes on", async () => {
    putLog(server, "a/1", ["x\n"]);
    server.seen = () => show("live", done("a"), job("b", { state: "queued", queuedAtMs: START }));
    expect(await follow({ jobId: "a" })).toEqual(["a queued", "a 1 started", "a: x\n", "a 1 succeeded", "a succeeded"]);
  });
});

describe("SECURITY 32: what does not have its digest is not shown", () => {
  test("a changed chunk is a gap, and the rest is shown", async () => {
    putLog(server, "t/1", ["good\n", "bad\n", "good again\n"]);
    const damaged = gzipSync("BAD\n");
    server.objects.set("/bucket/t/1/1", damaged);
    server.seen = () => show("succeeded", done("t"));
    const told = await follow();
    expect(told).toContain("t: good\n");
    expect(told.find((line) => line.includes("gap 4 damaged"))).toBeDefined();
    expect(told).toContain("t: good again\n");
    expect(told.join("")).not.toContain("BAD");
  });

  test("a chunk that unpacks to more than promised is cut off", async () => {
    const [entry] = putLog(server, "t/1", ["x".repeat(1_000_000)], { sealed: false });
    if (entry === undefined) throw new Error("no chunk");
    server.logs.set("t/1", (after) =>
      pageOf("t/1", [{ ...entry, offset: 0, bytes: 10 }], after, { sealed: true, bytes: 10 }),
    );
    server.seen = () => show("succeeded", done("t"));
    expect((await follow()).find((line) => line.includes("damaged"))).toContain("chunk 0 is too long");
  });
});

describe("what is missing is told where it is missing", () => {
  test("recorded gaps between chunks and at the end", async () => {
    const chunks = putLog(server, "t/1", ["aaaa", "lost", "cccc"]);
    const kept = chunks.filter((chunk) => chunk.seq !== 1);
    const gaps = [
      { offset: 4, bytes: 4, reason: "upload_failed" as const },
      { offset: 12, bytes: 7, reason: "limit" as const },
    ];
    server.logs.set("t/1", (after) => pageOf("t/1", kept, after, { sealed: true, gaps, bytes: 19 }));
    server.seen = () => show("succeeded", done("t"));
    expect((await follow()).slice(2, -2)).toEqual(["t: aaaa", "t gap 4 upload_failed", "t: cccc", "t gap 7 limit"]);
  });

  test("a sealed chunk that is not in the bucket is asked for again, then told", async () => {
    putLog(server, "t/1", ["a", "b"]);
    server.objects.delete("/bucket/t/1/0");
    server.seen = () => show("succeeded", done("t"));
    expect((await follow()).slice(2, 4)).toEqual(["t gap 1 missing: chunk 0 answered 404", "t: b"]);
  });

  test("a living chunk that is not there yet holds the order", async () => {
    const live = putLog(server, "t/1", ["a", "b"], { sealed: false });
    const late = server.objects.get("/bucket/t/1/0");
    server.objects.delete("/bucket/t/1/0");
    let polls = 0;
    server.logs.set("t/1", (after) => {
      polls += 1;
      if (polls === 4 && late !== undefined) server.objects.set("/bucket/t/1/0", late);
      return pageOf("t/1", live, after, { sealed: polls > 4, bytes: 2 });
    });
    const running = job("t", { state: "running", queuedAtMs: START, attempts: [attempt(1)] });
    server.seen = () => (polls > 4 ? show("succeeded", done("t")) : show("live", running));
    expect((await follow()).filter((line) => line.startsWith("t: "))).toEqual(["t: a", "t: b"]);
  });

  test("a log whose index was lost says so", async () => {
    server.logs.set("t/1", (after) => {
      const page = pageOf("t/1", [], after, { sealed: true });
      const seal = { bytes: 9, lostBytes: 9, chunkCount: 1, index: { kind: "lost" as const } };
      return { ...page, seal };
    });
    server.seen = () => show("succeeded", done("t"));
    expect(await follow()).toContain("t gap undefined the log's index was lost");
  });
});

describe("trouble", () => {
  test("a control plane that is away for a moment is waited for, and nothing is told twice", async () => {
    putLog(server, "t/1", ["a\n"]);
    const running = job("t", { state: "running", queuedAtMs: START, attempts: [attempt(1)] });
    server.seen = inTurn(show("live", running), 503, 503, show("succeeded", done("t")));
    expect((await follow()).filter((line) => line === "t: a\n")).toHaveLength(1);
  });

  test("a refusal ends it", async () => {
    server.seen = () => 403;
    await expect(follow()).rejects.toMatchObject({ name: "ApiError", status: 403 });
  });

  test("a signal ends it at once, with its reason", async () => {
    const stop = new AbortController();
    server.seen = () => {
      stop.abort(new Error("enough"));
      return show("live", job("t", { state: "queued", queuedAtMs: START }));
    };
    await expect(follow({ signal: stop.signal })).rejects.toThrow("enough");
  });

  test("a job that a rerun kept is told in one line, and its log of then is not told again", async () => {
    const from = `run_${"1".repeat(26)}`;
    putLog(server, "build/1", ["told long ago\n"]);
    putLog(server, "test/1", ["now\n"]);
    const kept = { ...done("build"), inheritedFrom: from };
    server.seen = () => show("succeeded", kept, done("test"));
    expect(await follow()).toEqual([
      "build succeeded",
      "test queued",
      "test 1 started",
      "test: now\n",
      "test 1 succeeded",
      "test succeeded",
    ]);
    expect(announceJobEnd(kept).text).toBe(`succeeded, kept from ${from}`);
    expect(printRunTable(show("succeeded", kept), false, START)).toMatch(
      new RegExp(`build +✔ passed \\(kept from ${from}\\)`),
    );
  });

  test("news makes the next look at once, also when it comes during a look", async () => {
    const news = makeNudge();
    const looks = 40;
    let left = looks;
    server.seen = () => {
      left -= 1;
      news.now();
      return left > 0 ? show("live", job("build", { state: "running" })) : show("succeeded", done("build"));
    };
    putLog(server, "build/1", []);
    const startedAtMs = systemClock.monotonicMs();
    await follow({ news });
    expect(left).toBe(0);
    // By its own clock it would look at most ten times a second.
    expect(systemClock.monotonicMs() - startedAtMs).toBeLessThan((looks * FOLLOW_MIN_MS) / 2);
  });

  test("no answer is an UnreachableError, not a crash", async () => {
    const client = makeClient({ url: "http://127.0.0.1:9", token: "t" });
    await expect(client.call("listJobs", { params: { run: RUN_ID } })).rejects.toBeInstanceOf(UnreachableError);
  });
});

test("several jobs interleave by whole lines, and no job can write a line that looks like ours", async () => {
  putLog(server, "a/1", ["a1\na", "2\n✔ b succeeded\n"]);
  putLog(server, "long/1", ["l1\nl2 without end"]);
  server.seen = () => show("succeeded", done("a"), done("long"));
  let text = "";
  const output = {
    write: (part: string) => {
      text += part;
    },
  };
  const sink = makeFollowPrinter({ output, colour: false });
  await followRun({ client: makeClient({ url: server.url, token: "t" }), runId: RUN_ID, sink });
  const linesOf = (id: string) => text.split("\n").filter((line) => line.includes(id));
  expect(linesOf("a ")).toEqual([
    "○ a    queued in pool default",
    "● a    started",
    "a    │ a1",
    "a    │ a2",
    "a    │ ✔ b succeeded",
    "✔ a    succeeded in <0.1s",
  ]);
  expect(text).toContain("long │ l2 without end\n✔ long succeeded");
});
