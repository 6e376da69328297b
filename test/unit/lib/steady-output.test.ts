import { expect, test } from "vitest";
import { makeSteadyWriter } from "../../../shared/lib/steady-output.ts";

/** A file whose disk takes so many bytes more. */
function smallDisk() {
  const disk = { room: 10, text: "" };
  const write = (_fd: number, bytes: Buffer): number => {
    if (disk.room === 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const part = bytes.subarray(0, disk.room);
    disk.room -= part.length;
    disk.text += part.toString();
    return part.length;
  };
  return { disk, writer: makeSteadyWriter(1, write) };
}

test("case A4: a log whose disk is full loses lines, says how many when there is room, and never throws", () => {
  const { disk, writer } = smallDisk();
  for (const line of ["one\n", "two\n", "three\n", "four\n"]) writer(Buffer.from(line));
  expect(disk.text).toBe("one\ntwo\nth");
  disk.room = 1_000;
  writer(Buffer.from("five\n"));
  const [, , broken, report, last] = disk.text.split("\n");
  expect([broken, last]).toEqual(["th", "five"]);
  expect(JSON.parse(report ?? "")).toEqual({
    level: "ERROR",
    message: "lines of this log were lost",
    lines: 2,
    error: "ENOSPC: no space left on device, write",
  });
});
