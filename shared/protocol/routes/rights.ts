import { z } from "zod";
import * as audit from "../audit.ts";
import { artifactName } from "../ids.ts";
import { none, ok, route } from "../route.ts";
import * as tokens from "../tokens.ts";

/** API tokens, and what was done with rights. */
export const rightsRoutes = {
  readAudit: route({
    method: "GET",
    path: "/v1/audit",
    handler: "api",
    access: "admin",
    summary: "What was done with rights on one day of UTC, oldest first",
    params: none,
    query: audit.auditQuery,
    status: 200,
    reply: audit.auditReply,
    failures: [],
  }),
  createToken: route({
    method: "POST",
    path: "/v1/tokens",
    handler: "api",
    access: "admin",
    summary: "Makes an API token; shown once",
    params: none,
    body: tokens.createTokenBody,
    status: 201,
    reply: tokens.createTokenReply,
    failures: [],
  }),
  listTokens: route({
    method: "GET",
    path: "/v1/tokens",
    handler: "api",
    access: "admin",
    summary: "The API tokens, without their secrets",
    params: none,
    status: 200,
    reply: tokens.listTokensReply,
    failures: [],
  }),
  revokeToken: route({
    method: "DELETE",
    path: "/v1/tokens/{token}",
    handler: "api",
    access: "admin",
    summary: "Revokes an API token, but for the last one that may administer",
    params: z.object({ token: artifactName }),
    status: 200,
    reply: ok,
    failures: ["not_found", "conflict"],
  }),
};
