import { z } from "zod";
import { jobId, poolName, runId } from "../ids.ts";
import * as leases from "../leases.ts";
import { none, ok, route } from "../route.ts";

const job = z.object({ run: runId, job: jobId });
const pool = z.object({ pool: poolName });

/** A runner's session, the offers that it takes, and the claim that makes a lease of one. */
export const sessionsRoutes = {
  openSession: route({
    method: "POST",
    path: "/v1/sessions",
    handler: "lease",
    access: "runner",
    summary: "Opens or renews a runner's session",
    params: none,
    body: leases.openSessionBody,
    status: 201,
    reply: leases.sessionReply,
    failures: [],
  }),
  closeSession: route({
    method: "POST",
    path: "/v1/sessions/close",
    handler: "lease",
    access: "session",
    summary: "A runner goes, and is offline from now on; its leases are not touched",
    params: none,
    body: leases.closeSessionBody,
    status: 200,
    reply: ok,
    failures: [],
  }),
  receiveOffers: route({
    method: "POST",
    path: "/v1/pools/{pool}/offers/receive",
    handler: "lease",
    access: "session",
    summary: "Takes offers of a pool for a runner that does not reach its queue; off unless the operator allows it",
    params: pool,
    body: leases.receiveOffersBody,
    status: 200,
    reply: leases.receiveOffersReply,
    failures: [],
  }),
  removeOffers: route({
    method: "POST",
    path: "/v1/pools/{pool}/offers/remove",
    handler: "lease",
    access: "session",
    summary: "Deletes offers that had a durable answer",
    params: pool,
    body: leases.receiptsBody,
    status: 200,
    reply: ok,
    failures: [],
  }),
  returnOffers: route({
    method: "POST",
    path: "/v1/pools/{pool}/offers/return",
    handler: "lease",
    access: "session",
    summary: "Makes offers visible again for others",
    params: pool,
    body: leases.receiptsBody,
    status: 200,
    reply: ok,
    failures: [],
  }),
  claim: route({
    method: "POST",
    path: "/v1/runs/{run}/jobs/{job}/leases",
    handler: "lease",
    access: "session",
    summary: "Claims an offered job",
    params: job,
    body: leases.claimBody,
    status: 201,
    reply: leases.leaseGranted,
    failures: ["taken", "gone"],
  }),
};
