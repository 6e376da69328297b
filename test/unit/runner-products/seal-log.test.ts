import { expect, test } from "vitest";
import { makeGapList } from "../../../runner/products/gap-list.ts";
import { sealLog } from "../../../runner/products/seal-log.ts";
import type { LogGap } from "../../../shared/protocol/products.ts";

/** What of a log is not kept is counted whole, and each part of it for its own reason. */

const unused = () => Promise.reject(new Error("a short index needs no object"));
const sealOf = (bytes: number, gaps: readonly LogGap[]) =>
  sealLog({ bytes, chunks: [], gaps, ask: unused, put: unused, signal: new AbortController().signal });

test("case T: neighbouring gaps of two reasons stay two in the seal, and both are counted", async () => {
  const gaps: LogGap[] = [
    { offset: 30, bytes: 5, reason: "limit" },
    { offset: 0, bytes: 10, reason: "upload_failed" },
    { offset: 10, bytes: 20, reason: "spool_full" },
  ];
  expect(await sealOf(35, gaps)).toEqual({
    bytes: 35,
    lostBytes: 35,
    chunkCount: 0,
    index: { kind: "inline", chunks: [], gaps: [gaps[1], gaps[2], gaps[0]] },
  });
});

test("neighbouring gaps of one reason become one, of all their bytes", async () => {
  const gaps: LogGap[] = [0, 10, 20].map((offset) => ({ offset, bytes: 10, reason: "upload_failed" }));
  const seal = await sealOf(30, gaps);
  expect(seal).toMatchObject({ lostBytes: 30, index: { gaps: [{ offset: 0, bytes: 30, reason: "upload_failed" }] } });
});

test("gaps of one reason with output between them stay apart", async () => {
  const gaps: LogGap[] = [0, 20].map((offset) => ({ offset, bytes: 10, reason: "upload_failed" }));
  expect(await sealOf(30, gaps)).toMatchObject({ lostBytes: 20, index: { gaps } });
});

test("case T: each reason's loss is told with its own bytes, all of them, and its first cause", () => {
  const list = makeGapList();
  list.add("upload_failed", 0, 10, "the bucket answered 503");
  list.add("spool_full", 10, 20, "the spool is full");
  list.add("upload_failed", 30, 5, "time is up");
  expect(list.lines()).toEqual([
    "log: 15 bytes lost (upload_failed): the bucket answered 503",
    "log: 20 bytes lost (spool_full): the spool is full",
  ]);
});

test("case T: output over the limit is one gap, which no gap of another reason before it swallows", () => {
  const list = makeGapList();
  list.add("upload_failed", 0, 10, "time is up");
  expect(list.addOverLimit(10, 7, "the log is limited")).toBe(7);
  expect(list.addOverLimit(17, 3, "the log is limited")).toBe(3);
  expect(list.gaps).toEqual([
    { offset: 0, bytes: 10, reason: "upload_failed" },
    { offset: 10, bytes: 10, reason: "limit" },
  ]);
});
