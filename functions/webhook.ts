import { httpLambda } from "./http/http-lambda.ts";
import { webhookRoutes } from "./http/webhook-routes.ts";
import { deps } from "./process-deps.ts";

/** Where forges tell what happened. */
export const handler = httpLambda<"webhook">(deps, webhookRoutes(deps));
