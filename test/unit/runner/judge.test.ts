import { expect, test } from "vitest";
import { judge } from "../../../runner/run-steps.ts";

const step = { name: "compile", run: "make", env: {} };

test("how a step ended decides whose failure it is", () => {
  expect(judge({ kind: "exited", exitCode: 0 }, step)).toEqual({ kind: "succeeded" });
  expect(judge({ kind: "exited", exitCode: 2 }, step)).toEqual({
    kind: "failed",
    exitCode: 2,
    failure: { class: "user", message: 'step "compile" ended with exit code 2', step: "compile" },
  });
  expect(judge({ kind: "exited", exitCode: 137 }, step)).toMatchObject({
    failure: { message: 'step "compile" ended with exit code 137 (SIGKILL)' },
  });
  expect(judge({ kind: "signaled", signal: "SIGSEGV" }, step)).toMatchObject({
    signal: "SIGSEGV",
    failure: { class: "user" },
  });
  expect(judge({ kind: "signaled", signal: "SIGKILL" }, step)).toMatchObject({ failure: { class: "unknown" } });
  expect(judge({ kind: "refused", code: "ENOENT", message: "spawn zsh ENOENT" }, step)).toMatchObject({
    failure: { class: "tooling", message: expect.stringContaining("spawn zsh ENOENT") },
  });
  expect(judge({ kind: "lost" }, step)).toEqual({ kind: "interrupted", step: "compile" });
});
