import { expect, test } from "vitest";
import { makeRunnerMetrics } from "../../../runner/metrics.ts";

test("attempts are counted by how they ended", () => {
  const metrics = makeRunnerMetrics();
  const job = { run: "r", job: "j", fence: 1 };
  for (const end of ["succeeded", "failed", "succeeded"] as const) {
    metrics.count({ type: "attempt_started", ...job });
    metrics.count({ type: "attempt_ended", ...job, end, tookMs: 500 });
  }
  metrics.count({ type: "attempt_started", ...job });
  const lines = metrics.text().split("\n");
  expect(lines).toContain('baton_runner_attempts_ended_total{end="succeeded"} 2');
  expect(lines).toContain('baton_runner_attempts_ended_total{end="failed"} 1');
  expect(lines).toContain("baton_runner_attempts_started_total 4");
  expect(lines).toContain("baton_runner_attempts_running 1");
  expect(lines).toContain("baton_runner_busy_seconds_total 1.5");
});
