import { httpLambda } from "./http/http-lambda.ts";
import { leaseRoutes } from "./http/lease-routes.ts";
import { deps } from "./process-deps.ts";

/** The runners' API. */
export const handler = httpLambda<"lease">(deps, leaseRoutes(deps));
