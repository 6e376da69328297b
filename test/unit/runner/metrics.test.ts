import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { makeRunnerMetrics, serveMetrics } from "../../../runner/metrics.ts";

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

test("SECURITY 6: case A1: the counters need their token, and no port answers a rebound name", async () => {
  const ask = (port: number, path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      request({ port, path, headers, agent: false }, (response) => {
        let text = "";
        response.on("data", (part) => {
          text += String(part);
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      })
        .once("error", reject)
        .end();
    });
  for (const token of ["a-token-for-counters", undefined]) {
    const server = await serveMetrics(makeRunnerMetrics(), 0, token);
    const { port } = server.address() as AddressInfo;
    const statuses = async (path: string) =>
      Promise.all(
        [
          {},
          { authorization: "Bearer x" },
          { authorization: "Bearer undefined" },
          { authorization: `Bearer ${token}` },
        ].map(async (headers) => (await ask(port, path, headers)).status),
      );
    expect(await statuses("/metrics")).toEqual([401, 401, 401, token === undefined ? 401 : 200]);
    expect(await statuses("/healthz")).toEqual([503, 503, 503, 503]);
    const rebound = { host: "rebound.example", authorization: `Bearer ${token}` };
    expect((await ask(port, "/metrics", rebound)).status).toBe(404);
    expect((await ask(port, "/healthz", rebound)).status).toBe(404);
    server.close();
  }
});
