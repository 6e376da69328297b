import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findDynamoEngine } from "../../../localstack/dynamo-engine.ts";
import { checkNode, spawnStack } from "../../../localstack/spawn-stack.ts";
import { parseStackOptions } from "../../../localstack/stack-options.ts";
import { readReport } from "../../../localstack/stack-report.ts";

test("a platform without an engine is told where else to go", () => {
  expect(() => findDynamoEngine("plan9", "mips")).toThrow(
    expect.objectContaining({ code: "engine_missing", message: expect.stringContaining("BATON_URL") }),
  );
});

test("an old Node is told which one is needed", () => {
  expect(() => checkNode("20.19.0")).toThrow(expect.objectContaining({ code: "node_too_old" }));
  expect(() => checkNode("24.0.0")).not.toThrow();
});

test("a stack whose folder is removed while it starts is one failure, and no crash", async () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-gone-"));
  try {
    const stateDir = join(folder, "state");
    const main = join(folder, "main.mjs");
    writeFileSync(main, `import { rmSync } from "node:fs"; rmSync(${JSON.stringify(stateDir)}, { recursive: true });`);
    await expect(spawnStack({ stateDir, main })).rejects.toMatchObject({
      code: "start_failed",
      message: expect.stringContaining("ended with 0"),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("options are read, and wrong ones are one clear line", () => {
  expect(parseStackOptions(["--state", "s", "--memory", "--port", "4800", "--pool", "gpu"])).toEqual({
    stateDir: "s",
    memory: true,
    port: 4_800,
    host: "127.0.0.1",
    pools: ["gpu"],
    sources: [],
  });
  expect(parseStackOptions(["--state", "s"]).pools).toEqual(["default"]);
  for (const argv of [
    [],
    ["--state", "s", "--port", "x"],
    ["--state", "s", "--port", "70000"],
    ["--nope"],
    ["--state", "s", "--pool", "../x"],
  ])
    expect(() => parseStackOptions(argv)).toThrow(expect.objectContaining({ code: "bad_options" }));
});

test("a report that is none is not taken for one", () => {
  const ports = { gateway: 1, aws: 3 };
  const files = { tokenFile: "t", runnerTokenFile: "r" };
  const ready = { kind: "ready", url: "u", pid: 4, ...files, ports, enginePid: 5, tableUrl: "v" };
  expect(readReport(ready)).toEqual(ready);
  expect(readReport({ ...ready, exposed: "why" })).toEqual({ ...ready, exposed: "why" });
  expect(readReport({ kind: "failed", code: "port_in_use", message: "m" })).toMatchObject({ code: "port_in_use" });
  for (const other of [
    undefined,
    "ready",
    { ...ready, ports: {} },
    { ...ready, pid: "4" },
    { kind: "failed", code: "x" },
  ])
    expect(readReport(other)).toBeUndefined();
});
