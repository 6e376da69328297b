import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { makeReadingThread } from "../../../functions/pipelines/reading-thread.ts";

const FILE = { path: "ci.yml", text: "jobs: {a: {run: x}}\n" };
const LIMITS = { readMaxMs: 20_000, waitingMax: 2 };
/** Answers the path, but of `slow` nothing for ever; `dies` ends it. */
const ODD = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", ({ file: { path } }) => {
    if (path === "dies") process.exit(3);
    while (path === "slow");
    parentPort.postMessage({ kind: "parse", parsing: path });
  });`;
const odd = () => {
  const worker = new Worker(ODD, { eval: true });
  worker.unref();
  return worker;
};
const ask = (path: string) => ({ kind: "parse", file: { path, text: "" } }) as const;

test("case A3: the real thread parses and plans", async () => {
  const read = makeReadingThread();
  const run = { runId: "run_1" };
  const answers = await Promise.all([read({ kind: "parse", file: FILE }), read({ kind: "plan", file: FILE, run })]);
  expect(answers).toMatchObject([
    { parsing: { problems: [], pipeline: { jobs: [{ id: "a" }] } } },
    { planning: { problems: [], plan: { jobs: [{ id: "a" }] } } },
  ]);
});

test("case A3: a text that takes too long ends its thread, and the next one has a new thread", async () => {
  const read = makeReadingThread(odd, { ...LIMITS, readMaxMs: 300 });
  expect(await read(ask("slow"))).toBe("too long");
  const patient = makeReadingThread(odd, LIMITS);
  expect(await patient(ask("one"))).toMatchObject({ parsing: "one" });
});

test("case A3: a thread that dies fails its own text alone", async () => {
  const read = makeReadingThread(odd, LIMITS);
  const [died, next] = await Promise.allSettled([read(ask("dies")), read(ask("next"))]);
  expect(died).toMatchObject({ status: "rejected", reason: { message: "the thread that reads pipelines ended" } });
  expect(next).toMatchObject({ status: "fulfilled", value: { parsing: "next" } });
});

test("case A3: who comes when too many wait is asked to come again", async () => {
  const read = makeReadingThread(odd, LIMITS);
  const all = await Promise.allSettled([read(ask("one")), read(ask("two")), read(ask("three"))]);
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect(all[2]).toMatchObject({ reason: { code: "throttled" } });
});
