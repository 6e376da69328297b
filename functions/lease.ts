import { makeSigner } from "../shared/lib/signed-token.ts";
import { httpLambda } from "./http/http-lambda.ts";
import { leaseRoutes } from "./http/lease-routes.ts";
import { deps as processDeps } from "./process-deps.ts";
import { readSigningKeys } from "./signing-keys.ts";

/** The runners' API: alone it signs and verifies sessions and leases, so alone it reads their key. */
const deps = { ...processDeps, signer: makeSigner(await readSigningKeys(processDeps.environment)) };

export const handler = httpLambda<"lease">(deps, leaseRoutes(deps));
