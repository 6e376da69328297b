import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { streamOutput } from "../../../cli/print/output.ts";

test("case L13: a stream that fails ends the waiting for it, and fails no command that waited", async () => {
  const gone = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => setImmediate(done, new Error("EIO")),
  });
  gone.on("error", () => undefined);
  await streamOutput(gone).write("a line\n");
  expect(gone.errored?.message).toBe("EIO");
});
