import { z } from "zod";
import type { Route } from "./route.ts";
import { leasesRoutes } from "./routes/leases.ts";
import { projectsRoutes } from "./routes/projects.ts";
import { rightsRoutes } from "./routes/rights.ts";
import { runsRoutes } from "./routes/runs.ts";
import { serverRoutes } from "./routes/server.ts";
import { sessionsRoutes } from "./routes/sessions.ts";
import { webhooksRoutes } from "./routes/webhooks.ts";

/**
 * The one route table: it feeds CDK's routes, the local gateway, the typed client and OpenAPI. Requests are parsed
 * strictly, replies tolerantly. Its areas are files in `routes/`.
 */
export const routes = {
  ...serverRoutes,
  ...runsRoutes,
  ...projectsRoutes,
  ...rightsRoutes,
  ...webhooksRoutes,
  ...sessionsRoutes,
  ...leasesRoutes,
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

/** The one shape of every failure. */
export const errorEnvelope = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
  requestId: z.string(),
});
