import { RemovalPolicy } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Route } from "../../shared/protocol/route.ts";
import { routes } from "../../shared/protocol/routes.ts";
import { resourceName } from "../../shared/resources.ts";
import { pascalCase } from "../names.ts";
import { acknowledge } from "./acknowledge.ts";
import type { BatonFunction } from "./baton-function.ts";

/**
 * What the whole API takes, requests a second and at once. A thousand leased jobs are 67 heartbeats a second; what is
 * refused here is asked again with jitter.
 */
const THROTTLE = { rateLimit: 500, burstLimit: 1_000 } as const;

/** One line a request: who called what, and how it went; no header, no query, no body, for those may hold secrets. */
const ACCESS_LOG = JSON.stringify({
  requestId: "$context.requestId",
  time: "$context.requestTimeEpoch",
  ip: "$context.identity.sourceIp",
  method: "$context.httpMethod",
  route: "$context.routeKey",
  path: "$context.path",
  status: "$context.status",
  bytes: "$context.responseLength",
  latencyMs: "$context.responseLatency",
  functionMs: "$context.integrationLatency",
  error: "$context.integrationErrorMessage",
});

/** The routes of `shared/protocol/routes.ts`, each to its function. */
export class HttpFront extends Construct {
  readonly api: HttpApi;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.api = new HttpApi(this, "Api", { apiName: resourceName("api"), createDefaultStage: false });
    const accessLog = new LogGroup(this, "AccessLog", {
      logGroupName: "/baton/access",
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new HttpStage(this, "Stage", {
      httpApi: this.api,
      stageName: "$default",
      autoDeploy: true,
      throttle: THROTTLE,
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        format: AccessLogFormat.custom(ACCESS_LOG),
      },
    });
  }

  /** Apart, since the functions know the address of the API that they serve. */
  connect(functionOf: (name: Route["handler"]) => BatonFunction): void {
    const all = Object.values<Route>(routes);
    const integrations = new Map(all.map(({ handler }) => [handler, integrationOf(handler, functionOf(handler))]));
    for (const { method, path, handler } of all) {
      const integration = integrations.get(handler);
      if (integration !== undefined) this.api.addRoutes({ path, methods: [HttpMethod[method]], integration });
    }
    acknowledge(this.api, {
      "AwsSolutions-APIG4":
        "Handlers authorise each request by themselves, before they read its body: an authorizer would be a second invocation. A test walks every route without a token.",
    });
  }
}

/** The right to call is for this API as a whole: one for each route would not fit the 20 KB of a function's policy. */
function integrationOf(name: string, made: BatonFunction): HttpLambdaIntegration {
  return new HttpLambdaIntegration(pascalCase(name), made.function, { scopePermissionToRoute: false });
}
