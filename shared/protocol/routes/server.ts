import { z } from "zod";
import { none, ok, route } from "../route.ts";
import * as status from "../status.ts";

/** What the server says of itself. */
export const serverRoutes = {
  health: route({
    method: "GET",
    path: "/healthz",
    handler: "api",
    access: "open",
    summary: "The process answers",
    params: none,
    status: 200,
    reply: ok,
    failures: [],
  }),
  ready: route({
    method: "GET",
    path: "/readyz",
    handler: "api",
    access: "read",
    summary: "Table, queues and bucket answer",
    params: none,
    status: 200,
    reply: z.object({ ok: z.literal(true), reached: z.array(z.string()) }),
    failures: ["not_ready"],
  }),
  status: route({
    method: "GET",
    path: "/v1/status",
    handler: "status",
    access: "read",
    summary: "Queues, runners, active work, the last sweep, and what the month has cost",
    params: none,
    query: status.statusQuery,
    status: 200,
    reply: status.statusReply,
    failures: [],
  }),
  metrics: route({
    method: "GET",
    path: "/metrics",
    handler: "api",
    access: "read",
    summary: "Prometheus text of this process",
    params: none,
    status: 200,
    reply: z.string(),
    contentType: "text/plain",
    failures: [],
  }),
};
