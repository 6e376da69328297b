import { createServer, type Server } from "node:http";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import type { RunnerEvent } from "./events.ts";

/** Counters of one runner process, as Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export interface RunnerMetrics {
  count(event: RunnerEvent): void;
  /** Counts this runner's own AWS requests: of its queues, and of the bucket by link. */
  readonly meter: RequestMeter;
  text(): string;
}

const COUNTERS = {
  attempt_started: ["baton_runner_attempts_started_total", "Leases granted to this runner"],
  attempt_ended: ["baton_runner_attempts_ended_total", "Attempts by how they ended"],
  claim_refused: ["baton_runner_claims_refused_total", "Offers that were no longer free"],
  bad_offer: ["baton_runner_bad_offers_total", "Messages that were no offers"],
  unreachable: ["baton_runner_unreachable_total", "Times that the control plane or a queue stopped answering"],
  trouble: ["baton_runner_troubles_total", "Failures told to the operator"],
} as const;

export function makeRunnerMetrics(): RunnerMetrics {
  const counts = new Map<string, number>();
  const requests = new Map<string, number>();
  let running = 0;
  let busyMs = 0;

  return {
    count(event) {
      if (event.type === "attempt_started") running += 1;
      if (event.type === "attempt_ended") {
        running -= 1;
        busyMs += event.tookMs;
      }
      if (!(event.type in COUNTERS)) return;
      const key = event.type === "attempt_ended" ? `${event.type}|end="${event.end}"` : event.type;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    meter({ service, operation, empty }) {
      const labels = `service="${service}",operation="${operation}",empty="${empty}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
    },
    text() {
      const lines = Object.entries(COUNTERS).flatMap(([type, [name, help]]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} counter`,
        ...[...counts]
          .filter(([key]) => key === type || key.startsWith(`${type}|`))
          .map(([key, count]) => `${name}${key === type ? "" : `{${key.slice(type.length + 1)}}`} ${count}`),
      ]);
      lines.push("# HELP baton_aws_requests_total AWS requests sent by this process");
      lines.push("# TYPE baton_aws_requests_total counter");
      for (const [labels, count] of requests) lines.push(`baton_aws_requests_total{${labels}} ${count}`);
      lines.push("# TYPE baton_runner_attempts_running gauge", `baton_runner_attempts_running ${running}`);
      lines.push("# TYPE baton_runner_busy_seconds_total counter", `baton_runner_busy_seconds_total ${busyMs / 1_000}`);
      return `${lines.join("\n")}\n`;
    },
  };
}

/** Serves the counters on this host alone. Rejects where the port is taken. */
export async function serveMetrics(metrics: RunnerMetrics, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const found = request.method === "GET" && request.url === "/metrics";
    response.writeHead(found ? 200 : 404, { "content-type": "text/plain; version=0.0.4" });
    response.end(found ? metrics.text() : "not found\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  server.unref();
  return server;
}
