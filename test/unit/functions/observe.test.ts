import { afterEach, expect, test, vi } from "vitest";
import { correlated, makeObserver } from "../../../functions/observe.ts";

afterEach(() => vi.restoreAllMocks());

test("case A12: no line of the log is as long as what a caller sent", async () => {
  const lines: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((chunk) => lines.push(String(chunk)) > 0);
  const { log } = makeObserver("INFO");
  const long = "x".repeat(900_000);
  await correlated({ run: long }, async () => {
    log.info("refused", { reason: long, list: Array.from({ length: 10_000 }, () => "y") });
    log.warn("refused", { deep: { reason: long } });
    log.error("failed", new Error(long, { cause: new Error(long) }));
  });
  vi.restoreAllMocks();
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect(line.length).toBeLessThan(30_000);
    expect(line).toContain(" more characters");
  }
});
