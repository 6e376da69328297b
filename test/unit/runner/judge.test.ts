import { expect, test } from "vitest";
import type { StepEnd } from "../../../runner/executors/executor.ts";
import { counterFiles } from "../../../runner/memory-kills.ts";
import { judge as judgeWith } from "../../../runner/run-steps.ts";

const step = { name: "compile", run: "make", env: {} };

const judge = (end: StepEnd) => judgeWith(end, step, undefined);

test("how a step ended decides whose failure it is", () => {
  expect(judge({ kind: "exited", exitCode: 0 })).toEqual({ kind: "succeeded" });
  expect(judge({ kind: "exited", exitCode: 2 })).toEqual({
    kind: "failed",
    exitCode: 2,
    failure: { class: "user", message: 'step "compile" ended with exit code 2', step: "compile" },
  });
  expect(judge({ kind: "exited", exitCode: 137 })).toMatchObject({
    failure: { message: 'step "compile" ended with exit code 137 (SIGKILL), perhaps for lack of memory' },
  });
  expect(judge({ kind: "signaled", signal: "SIGSEGV" })).toMatchObject({
    signal: "SIGSEGV",
    failure: { class: "user" },
  });
  expect(judge({ kind: "signaled", signal: "SIGKILL" })).toMatchObject({ failure: { class: "unknown" } });
  expect(judge({ kind: "refused", code: "ENOENT", message: "spawn zsh ENOENT" })).toMatchObject({
    failure: { class: "tooling", message: expect.stringContaining("spawn zsh ENOENT") },
  });
  expect(judge({ kind: "lost" })).toEqual({ kind: "interrupted", step: "compile" });
});

test("case A13: memory is blamed where the kernel says so, and named as a possibility where it does not", () => {
  const of = (end: StepEnd, memory?: "here" | "on the host") => judgeWith(end, step, memory);
  const killed = { class: "memory", message: expect.stringContaining("the kernel killed it for lack of memory") };
  for (const memory of ["here", "on the host"] as const) {
    expect(of({ kind: "exited", exitCode: 137 }, memory)).toMatchObject({ exitCode: 137, failure: killed });
    expect(of({ kind: "signaled", signal: "SIGKILL" }, memory)).toMatchObject({ failure: killed });
  }
  // The compiler was killed, and make says 2.
  expect(of({ kind: "exited", exitCode: 2 }, "here")).toMatchObject({
    failure: {
      class: "user",
      message: expect.stringContaining("meanwhile the kernel killed a process of this runner"),
    },
  });
  expect(of({ kind: "exited", exitCode: 2 }, "on the host")).toMatchObject({
    failure: { message: 'step "compile" ended with exit code 2' },
  });
  expect(of({ kind: "exited", exitCode: 0 }, "here")).toEqual({ kind: "succeeded" });
});

test("the kernel's counters are found in either cgroup hierarchy, in a container's part of it too", () => {
  const mount = (root: string, at: string, type: string, options = "rw") =>
    `1 2 0:3 ${root} ${at} rw - ${type} x ${options}`;
  expect(counterFiles("0::/user.slice/a.scope\n", mount("/", "/sys/fs/cgroup", "cgroup2"))).toEqual([
    "/sys/fs/cgroup/user.slice/a.scope/memory.events",
  ]);
  expect(counterFiles("0::/\n", mount("/", "/sys/fs/cgroup", "cgroup2"))).toEqual(["/sys/fs/cgroup/memory.events"]);
  expect(
    counterFiles("5:cpu:/x\n4:memory:/docker/1\n", mount("/docker/1", "/sys/fs/cgroup/memory", "cgroup", "rw,memory")),
  ).toEqual(["/sys/fs/cgroup/memory/memory.oom_control"]);
});
