import { apiRoutes } from "./http/api-routes.ts";
import { httpLambda } from "./http/http-lambda.ts";
import { deps } from "./process-deps.ts";

/** The API of people and programs. */
export const handler = httpLambda<"api">(deps, apiRoutes(deps));
