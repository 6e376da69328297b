import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import type { Route } from "../../shared/protocol/route.ts";

const TIMEOUT_MS = 10_000;
const RUN = "run_01h455vb4pex5vsknk084sn02q";

/** The status of a request with parameters and a body that pass, so that only the token can be at fault. Throws where none came in time. */
export async function bareStatus(url: string, route: Route, authorization?: string): Promise<number> {
  const params: Readonly<Record<string, string>> = { run: RUN, job: "probe", fence: "1", token: "none" };
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? "x");
  const query = route.path.endsWith("/download") ? "?job=probe&name=x" : "";
  const request = {
    method: route.method,
    url: url + path + query,
    headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
    ...(route.body === undefined ? {} : { body: JSON.stringify(PASSING_BODIES[route.path] ?? {}) }),
  };
  return (await exchangeOverHttp(request, AbortSignal.timeout(TIMEOUT_MS))).status;
}

const LEASE_PATH = "/v1/runs/{run}/jobs/{job}/leases";
const LOG = { bytes: 0, lostBytes: 0, chunkCount: 0, index: { kind: "lost" } };
const PASSING_BODIES: Readonly<Record<string, unknown>> = {
  "/v1/runs": { definition: { path: "x.yml", text: "jobs: {a: {run: 'true'}}" } },
  "/v1/tokens": { name: "forged", scopes: ["admin"] },
  "/v1/sessions": { name: "forged", pools: ["default"], slots: 1 },
  [LEASE_PATH]: { claimId: "0123456789abcdef", fence: 0 },
  [`${LEASE_PATH}/{fence}/heartbeat`]: { phase: "running", step: 0, logBytes: 0 },
  [`${LEASE_PATH}/{fence}/uploads`]: { files: [{ kind: "log", seq: 1, bytes: 0, sha256: "0".repeat(64) }] },
  [`${LEASE_PATH}/{fence}/complete`]: { outcome: "succeeded", log: LOG, artifacts: [], losses: [], checks: [] },
  [`${LEASE_PATH}/{fence}/release`]: { reason: "drain" },
};
