import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { DomainError } from "../../shared/domain/errors.ts";
import { isHostProof } from "../../shared/protocol/host-proof.ts";
import type { Access, Route } from "../../shared/protocol/route.ts";
import { type LeaseClaims, type SessionClaims, verifyLease, verifySession } from "../../shared/usecases/lease-token.ts";
import { makeTokenCheck, type Principal, type TokenDeps } from "../../shared/usecases/manage-tokens.ts";
import type { FunctionDeps } from "../deps.ts";

/** Who calls, by what the route asks for. */
export type Caller<A extends Access> = A extends "open"
  ? undefined
  : A extends "session"
    ? SessionClaims
    : A extends "lease"
      ? LeaseClaims
      : Principal;

export type Authorize = (
  route: Route,
  event: APIGatewayProxyEventV2,
  params: Readonly<Record<string, unknown>>,
) => Promise<Principal | SessionClaims | LeaseClaims | undefined>;

export type AuthorizeDeps = TokenDeps & Pick<FunctionDeps, "signer" | "checkHost">;

/** Authorisation happens here, in the handler. Throws `unauthorized`, `forbidden` or, for a lease, `stale_lease`. */
export function makeAuthorize(deps: AuthorizeDeps): Authorize {
  const checkToken = makeTokenCheck(deps);
  return async (route, event, params) => {
    if (route.access === "open") return undefined;
    const token = bearerOf(event);
    if (route.access === "lease") return leaseOf(deps, token, params);
    if (route.access === "session") return sessionOf(deps, token);
    if (route.access === "runner" && isHostProof(token)) return hostOf(deps, token);
    const principal = await checkToken(token);
    if (principal === undefined) throw new DomainError("unauthorized", "this token is unknown or revoked");
    if (!principal.scopes.includes(route.access) && !principal.scopes.includes("admin")) {
      throw new DomainError(
        "forbidden",
        `this call needs the scope ${route.access}; the token ${principal.name} has ${principal.scopes.join(", ")}`,
      );
    }
    return principal;
  };
}

function bearerOf(event: APIGatewayProxyEventV2): string {
  const token = /^Bearer ([\x21-\x7e]+)$/.exec(event.headers["authorization"] ?? "")?.[1];
  if (token === undefined) throw new DomainError("unauthorized", "this call needs a token: Authorization: Bearer …");
  return token;
}

async function hostOf({ checkHost }: AuthorizeDeps, token: string): Promise<Principal> {
  if (checkHost === undefined)
    throw new DomainError(
      "unauthorized",
      "this control plane takes no host's proof (BATON_HOST_ROLES): it needs a token",
    );
  return checkHost(token);
}

function leaseOf(deps: AuthorizeDeps, token: string, params: Readonly<Record<string, unknown>>): LeaseClaims {
  const path = { runId: String(params["run"]), jobId: String(params["job"]), fence: Number(params["fence"]) };
  return verifyLease(deps.signer, token, path, deps.clock.nowMs());
}

function sessionOf(deps: AuthorizeDeps, token: string): SessionClaims {
  const session = verifySession(deps.signer, token, deps.clock.nowMs());
  if (session === undefined)
    throw new DomainError("unauthorized", "this runner session is unknown or over: open a new one");
  return session;
}
