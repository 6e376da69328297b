import { ArnFormat, AssetHashType, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as LambdaFunction, RecursiveLoop, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { FUNCTIONS, type FunctionName, type FunctionResource, resourceName } from "../../shared/resources.ts";
import type { FunctionBundle } from "../bundle-functions.ts";
import { loopingFunctions } from "../tick-loop.ts";
import { acknowledge, acknowledgeWildcards } from "./acknowledge.ts";
import { type Granted, statementsOf } from "./grants.ts";

export interface BatonFunctionProps {
  readonly name: FunctionName;
  readonly bundle: FunctionBundle;
  readonly granted: Granted;
  readonly environment: Readonly<Record<string, string>>;
  /** Calls that may run at once; as many as the account has where absent. */
  readonly reserved: number | undefined;
}

const BELOW_A_PREFIX =
  "All that lies below one prefix, or one secret of each project: runs, projects and log streams are made later, and cannot be named before.";
const ONLY_THE_SCHEDULE =
  "Nobody calls it asynchronously but the schedule, whose next call a minute later does the same work";
const WITHOUT_RESOURCES = "cloudwatch:GetMetricData knows no resources; it only reads.";

/** A function that can do nothing but what `shared/resources.ts` says it uses, and write its own log. */
export class BatonFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: BatonFunctionProps) {
    super(scope, id);
    const { name, bundle, granted, environment, reserved } = props;
    const { memoryMb, timeoutSeconds, uses }: FunctionResource = FUNCTIONS[name];
    const logGroup = new LogGroup(this, "Log", {
      logGroupName: `/baton/${name}`,
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    this.#grant([writeLog(this, logGroup), ...statementsOf(this, uses, granted)]);
    this.function = new LambdaFunction(this, "Function", {
      functionName: resourceName(name),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(bundle.folder, { assetHash: bundle.sha256, assetHashType: AssetHashType.CUSTOM }),
      handler: "index.handler",
      memorySize: memoryMb,
      timeout: Duration.seconds(timeoutSeconds),
      role: this.role,
      logGroup,
      environment: { ...environment },
      recursiveLoop: loopingFunctions().has(name) ? RecursiveLoop.ALLOW : RecursiveLoop.TERMINATE,
      ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
    });
    acknowledge(this.function, {
      "Serverless-LambdaDLQ": `${ONLY_THE_SCHEDULE}; queue messages have dead letters of their own.`,
      "Serverless-LambdaAsyncFailureDestination": `${ONLY_THE_SCHEDULE}.`,
      "Serverless-LambdaTracing":
        "A trace of each call is $5 a million, more than the call. Logs carry the request, run, job and fence instead.",
    });
  }

  #grant(statements: readonly PolicyStatement[]): void {
    for (const statement of statements) this.role.addToPolicy(statement);
    const resources = statements.flatMap((statement) => statement.resources);
    const below = resources.filter((arn) => arn !== "*");
    acknowledgeWildcards(this.role, below, BELOW_A_PREFIX);
    if (below.length < resources.length) acknowledgeWildcards(this.role, ["*"], WITHOUT_RESOURCES);
  }
}

/** Not the managed policy: that one may write every log of the account. */
function writeLog(scope: Construct, logGroup: LogGroup): PolicyStatement {
  const { logGroupName } = logGroup;
  const resourceArn = Stack.of(scope).formatArn({
    service: "logs",
    resource: "log-group",
    resourceName: `${logGroupName}:log-stream:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return new PolicyStatement({
    effect: Effect.ALLOW,
    actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
    resources: [resourceArn],
  });
}
