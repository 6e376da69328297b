import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { isForeignHost } from "../shared/lib/foreign-host.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import { equalInConstantTime } from "../shared/lib/signed-token.ts";
import { PROCESS_METRICS, RUNNER_METRICS } from "../shared/metrics.ts";
import type { RunnerEvent } from "./events.ts";

/** Counters of one runner process, as Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export interface RunnerMetrics {
  count(event: RunnerEvent): void;
  /** Counts this runner's own AWS requests: of its queues, and of the bucket by link. */
  readonly meter: RequestMeter;
  text(): string;
  /** Whether this runner has had a session: it is set up. A control plane that is away later does not change it. */
  isReady(): boolean;
}

export function makeRunnerMetrics(): RunnerMetrics {
  const counts = new Map<string, number>();
  const requests = new Map<string, number>();
  let running = 0;
  let busyMs = 0;
  let ready = false;

  return {
    isReady: () => ready,
    count(event) {
      if (event.type === "ready") ready = true;
      if (event.type === "attempt_started") running += 1;
      if (event.type === "attempt_ended") {
        running -= 1;
        busyMs += event.tookMs;
      }
      if (!(event.type in RUNNER_METRICS)) return;
      const key = event.type === "attempt_ended" ? `${event.type}|end="${event.end}"` : event.type;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    meter({ service, operation, empty }) {
      const labels = `service="${service}",operation="${operation}",empty="${empty}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
    },
    text() {
      const { running: runningMetric, busy, ...counters } = RUNNER_METRICS;
      const lines = Object.entries(counters).flatMap(([type, metric]) => [
        ...headOf(metric.name, metric.kind, metric.meaning),
        ...[...counts]
          .filter(([key]) => key === type || key.startsWith(`${type}|`))
          .map(([key, count]) => `${metric.name}${key === type ? "" : `{${key.slice(type.length + 1)}}`} ${count}`),
      ]);
      const { name, meaning } = PROCESS_METRICS.awsRequests;
      lines.push(...headOf(name, "counter", meaning));
      for (const [labels, count] of requests) lines.push(`${name}{${labels}} ${count}`);
      lines.push(...headOf(runningMetric.name, runningMetric.kind, runningMetric.meaning));
      lines.push(`${runningMetric.name} ${running}`);
      lines.push(...headOf(busy.name, busy.kind, busy.meaning), `${busy.name} ${busyMs / 1_000}`);
      return `${lines.join("\n")}\n`;
    },
  };
}

const headOf = (name: string, kind: string, meaning: string) => [`# HELP ${name} ${meaning}`, `# TYPE ${name} ${kind}`];

/**
 * Serves the counters to who has `token`, and its health, on this host alone: other users and web pages reach the port, too.
 * Rejects where the port is taken.
 */
export async function serveMetrics(metrics: RunnerMetrics, port: number, token: string | undefined): Promise<Server> {
  const server = createServer((request, response) => {
    const isOurs = request.method === "GET" && !isForeignHost(request.headers.host);
    const answer = isOurs ? answerTo(metrics, request, token) : undefined;
    response.writeHead(answer?.status ?? 404, { "content-type": "text/plain; version=0.0.4" });
    response.end(answer?.text ?? "not found\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  server.unref();
  return server;
}

function answerTo(
  metrics: RunnerMetrics,
  { url: path, headers }: IncomingMessage,
  token: string | undefined,
): { status: number; text: string } | undefined {
  if (path === "/metrics")
    return isBearer(headers.authorization, token) ? { status: 200, text: metrics.text() } : UNAUTHORIZED;
  if (path !== "/healthz") return undefined;
  return metrics.isReady() ? { status: 200, text: "ok\n" } : { status: 503, text: "no session yet\n" };
}

const UNAUTHORIZED = { status: 401, text: "the counters need a bearer token: the runner's --metrics-token-file\n" };

function isBearer(given: string | undefined, token: string | undefined): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return token !== undefined && equalInConstantTime(digest(given ?? ""), digest(`Bearer ${token}`));
}
