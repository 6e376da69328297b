import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { pascalCase } from "../../infra/names.ts";
import { loopingFunctions } from "../../infra/tick-loop.ts";
import { routes } from "../../shared/protocol/routes.ts";
import { FUNCTIONS, QUEUES, SCHEDULES } from "../../shared/resources.ts";
import { clean, resourcesOf, synthesise } from "./synthesised.ts";

const made = synthesise();
afterAll(() => clean(made));
const all = (type: string, from = made) => Object.entries(resourcesOf(from, type));

const functionProperties = z.object({
  FunctionName: z.string(),
  Runtime: z.string(),
  Architectures: z.array(z.string()),
  Timeout: z.number(),
  MemorySize: z.number(),
  RecursiveLoop: z.enum(["Allow", "Terminate"]),
  ReservedConcurrentExecutions: z.number().optional(),
  LoggingConfig: z.object({ LogGroup: z.object({ Ref: z.string() }) }),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
});
const functions = all("AWS::Lambda::Function").map(([id, { Properties }]) => ({
  id,
  ...functionProperties.parse(Properties),
}));
const named = (name: string) => functions.find(({ FunctionName }) => FunctionName === `baton-${name}`);

const statement = z.object({
  Effect: z.string(),
  Action: z.union([z.string(), z.array(z.string())]).transform((one) => [one].flat()),
  Resource: z.unknown(),
});
const policy = z.object({ PolicyDocument: z.object({ Statement: z.array(statement) }) });
const statements = all("AWS::IAM::Policy").flatMap(([id, { Properties }]) =>
  policy.parse(Properties).PolicyDocument.Statement.map((one) => ({ id, ...one })),
);

describe("functions", () => {
  test("each of shared/resources.ts is there, with its memory and time, and no other", () => {
    expect(functions.map(({ FunctionName }) => FunctionName).sort()).toEqual(
      Object.keys(FUNCTIONS)
        .map((name) => `baton-${name}`)
        .sort(),
    );
    for (const [name, { memoryMb, timeoutSeconds }] of Object.entries(FUNCTIONS))
      expect(named(name)).toMatchObject({ MemorySize: memoryMb, Timeout: timeoutSeconds });
  });

  test("SECURITY 13: each runs on a supported Node, on arm64", () => {
    for (const one of functions) expect(one).toMatchObject({ Runtime: "nodejs24.x", Architectures: ["arm64"] });
  });

  test("SECURITY 12: no secret is in an environment or in a parameter: variables name where one is", () => {
    for (const { FunctionName, Environment } of functions) {
      const names = Object.keys(Environment.Variables);
      expect(names, FunctionName).toContain("BATON_SIGNING_KEY_PARAMETER");
      expect(names.filter((name) => /(SECRET|TOKEN|PASSWORD|KEY)($|_(?!PARAMETER))/.test(name))).toEqual([]);
    }
    for (const { Parameters } of Object.values(made.templates))
      expect(Object.keys(Parameters).filter((name) => name !== "BootstrapVersion")).toEqual([]);
  });

  test("SECURITY 9: only what gives secrets to jobs, or keeps them, may read them", () => {
    const parametersOf = (name: string) =>
      statements
        .filter(({ id, Action }) => id.startsWith(pascalCase(name)) && Action.includes("ssm:GetParameter"))
        .flatMap(({ Resource }) => [...JSON.stringify(Resource).matchAll(/parameter(\/baton\/[^"]*)"/g)])
        .map(([, path]) => path);
    expect(parametersOf("webhook")).toEqual(["/baton/main/webhooks/*"]);
    for (const name of ["plan", "sweep", "report"])
      expect(parametersOf(name), name).toEqual(["/baton/main/projects/*/forge"]);
    for (const name of ["reconcile", "status"]) expect(parametersOf(name), name).toEqual([]);
    // Whoever holds the signing key can be any runner.
    const withKey = Object.keys(FUNCTIONS).filter((name) => parametersOf(name).includes("/baton/main/signing-key"));
    expect(withKey).toEqual(["lease", "admin"]);
  });

  test("SECURITY 15: each has a log of its own, which is kept for a month", () => {
    const groups = resourcesOf(made, "AWS::Logs::LogGroup");
    for (const { LoggingConfig } of functions)
      expect(groups[LoggingConfig.LogGroup.Ref]?.Properties["RetentionInDays"]).toBe(30);
    expect(new Set(functions.map(({ LoggingConfig }) => LoggingConfig.LogGroup.Ref)).size).toBe(functions.length);
  });

  test("SECURITY 14: what calls a function is bounded: queues by their source, requests by the stage", () => {
    for (const [, { Properties }] of all("AWS::Lambda::EventSourceMapping"))
      expect(Properties["ScalingConfig"]).toEqual({ MaximumConcurrency: expect.any(Number) });
    const [stage] = all("AWS::ApiGatewayV2::Stage");
    expect(stage?.[1].Properties["DefaultRouteSettings"]).toEqual({
      ThrottlingBurstLimit: expect.any(Number),
      ThrottlingRateLimit: expect.any(Number),
    });
  });

  test("SECURITY 14: with reserve=on each function has its own cap too", () => {
    const reserved = synthesise({ reserve: "on" });
    for (const [, { Properties }] of all("AWS::Lambda::Function", reserved))
      expect(functionProperties.parse(Properties).ReservedConcurrentExecutions).toBeGreaterThan(0);
    clean(reserved);
  });

  test("SECURITY 8: no function has an address of its own", () => {
    expect(all("AWS::Lambda::Url")).toEqual([]);
  });

  test("SECURITY 10: every right to call a function names who calls, and from where", () => {
    const permissions = all("AWS::Lambda::Permission");
    expect(permissions.length).toBeGreaterThan(0);
    for (const [id, { Properties }] of permissions) {
      expect(Properties["SourceArn"], id).toBeDefined();
      expect(JSON.stringify(Properties["SourceArn"]), id).toMatch(/Front|Timer/);
    }
  });

  test("nothing but an operator calls admin", () => {
    const target = JSON.stringify(named("admin")?.id);
    const callers = ["AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping", "AWS::ApiGatewayV2::Integration"];
    for (const type of callers)
      for (const [id, { Properties }] of all(type)) expect(JSON.stringify(Properties), id).not.toContain(target);
  });
});

describe("the tick loop", () => {
  test("reconcile wakes itself, and AWS does not cut that off: emulators would not show it", () => {
    expect(named("reconcile")?.RecursiveLoop).toBe("Allow");
    expect(loopingFunctions()).toContain("reconcile");
  });

  test("so it is for every function that the loop calls by the way, and for no other", () => {
    const allowed = functions.filter(({ RecursiveLoop }) => RecursiveLoop === "Allow");
    expect(allowed.map(({ FunctionName }) => FunctionName).sort()).toEqual(
      [...loopingFunctions()].map((name) => `baton-${name}`).sort(),
    );
    const readers = Object.values(QUEUES).map(({ function: reader }) => reader);
    for (const name of loopingFunctions()) expect(readers).toContain(name);
  });
});

describe("queues and schedules", () => {
  test("each queue's reader gets batches, and may fail single messages", () => {
    const sources = all("AWS::Lambda::EventSourceMapping").map(([, { Properties }]) => Properties);
    expect(sources).toHaveLength(Object.keys(QUEUES).length);
    for (const source of sources) expect(source["FunctionResponseTypes"]).toEqual(["ReportBatchItemFailures"]);
    expect(sources.map((source) => source["BatchSize"]).sort()).toEqual(
      Object.values(QUEUES)
        .map(({ batch }) => batch)
        .sort(),
    );
  });

  test("each schedule is a rule that calls its function", () => {
    const rules = all("AWS::Events::Rule").map(([, { Properties }]) => Properties);
    expect(rules).toHaveLength(SCHEDULES.length);
    for (const [at, { function: name }] of SCHEDULES.entries())
      expect(JSON.stringify(rules[at]?.["Targets"])).toContain(named(name)?.id);
  });
});

const routeProperties = z.object({
  RouteKey: z.string(),
  Target: z.object({
    "Fn::Join": z.tuple([z.literal(""), z.tuple([z.literal("integrations/"), z.object({ Ref: z.string() })])]),
  }),
});

describe("the HTTP API", () => {
  test("SECURITY 6: its routes are those of the route table, each at the function that authorises it", () => {
    const found = all("AWS::ApiGatewayV2::Route").map(([, { Properties }]) => routeProperties.parse(Properties));
    const wanted = Object.values(routes).map(({ method, path }) => `${method} ${path}`);
    expect(found.map(({ RouteKey }) => RouteKey).sort()).toEqual(wanted.sort());
    const integrations = resourcesOf(made, "AWS::ApiGatewayV2::Integration");
    for (const { method, path, handler } of Object.values(routes)) {
      const target = found.find(({ RouteKey }) => RouteKey === `${method} ${path}`)?.Target["Fn::Join"][1][1].Ref ?? "";
      const called = integrations[target]?.Properties["IntegrationUri"];
      expect(called, path).toEqual({ "Fn::GetAtt": [named(handler)?.id, "Arn"] });
    }
  });

  test("SECURITY 7: every request is logged, without what may hold a secret, and throttled", () => {
    const [stage] = all("AWS::ApiGatewayV2::Stage");
    const { Format } = z.object({ Format: z.string() }).parse(stage?.[1].Properties["AccessLogSettings"]);
    expect(Object.keys(z.record(z.string(), z.string()).parse(JSON.parse(Format)))).toEqual(
      expect.arrayContaining(["requestId", "ip", "method", "route", "status", "latencyMs"]),
    );
    expect(Format).not.toMatch(/header|querystring|authorizer/i);
    expect(stage?.[1].Properties).toMatchObject({ StageName: "$default", AutoDeploy: true });
  });
});

describe("rights", () => {
  test("SECURITY 9: no managed policy, no wildcard action, and a wildcard resource only where there is no other", () => {
    for (const [id, { Properties }] of all("AWS::IAM::Role"))
      expect(Properties["ManagedPolicyArns"], id).toBeUndefined();
    for (const { id, Action, Resource } of statements) {
      expect(
        Action.filter((action) => action.includes("*")),
        id,
      ).toEqual([]);
      if (JSON.stringify(Resource) === '"*"') expect(Action).toEqual(["cloudwatch:GetMetricData"]);
    }
  });

  test("SECURITY 11: there is no key of ours to rotate, and nobody but a refusal names every principal", () => {
    expect(all("AWS::KMS::Key")).toEqual([]);
    const documents = [...all("AWS::S3::BucketPolicy"), ...all("AWS::SQS::QueuePolicy"), ...all("AWS::IAM::Role")];
    const principals = z.object({
      Statement: z.array(z.object({ Effect: z.string(), Principal: z.unknown() })),
    });
    for (const [id, { Properties }] of documents) {
      const { Statement } = principals.parse(Properties["PolicyDocument"] ?? Properties["AssumeRolePolicyDocument"]);
      for (const { Effect, Principal } of Statement)
        if (Effect === "Allow") expect(JSON.stringify(Principal), id).not.toContain('"*"');
    }
  });

  test("SECURITY 9: each function may call the table by the words of its uses, and by no other", () => {
    for (const [name, { uses }] of Object.entries(FUNCTIONS)) {
      const actions = statements
        .filter(({ id }) => id.toLowerCase().startsWith(`${name}role`))
        .flatMap(({ Action }) => Action.filter((action) => action.startsWith("dynamodb:")));
      const indexed = "indexes" in uses ? ["dynamodb:Query"] : [];
      expect(new Set(actions), name).toEqual(new Set([...uses.table.map((one) => `dynamodb:${one}`), ...indexed]));
    }
  });

  test("the runners' role reads offers and does nothing else, and only the lease function may become it", () => {
    const [role, ...others] = all("AWS::IAM::Role").filter(([, { Properties }]) =>
      JSON.stringify(Properties["AssumeRolePolicyDocument"]).includes("LeaseRole"),
    );
    expect(others).toEqual([]);
    const granted = statements.filter(({ id }) => role !== undefined && id.startsWith("LeaseRunnerRole"));
    expect(granted.flatMap(({ Action }) => Action).sort()).toEqual([
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:ReceiveMessage",
    ]);
    expect(JSON.stringify(granted)).toMatch(/PoolDefault/);
    expect(JSON.stringify(granted)).not.toMatch(/Ticks|Plans|Reports/);
    const lenders = statements.filter(({ Action }) => Action.includes("sts:AssumeRole"));
    expect(lenders).toHaveLength(1);
    expect(named("lease")?.Environment.Variables["BATON_RUNNER_ROLE_ARN"]).toBeDefined();
  });
});

test("people find what they need among the outputs", () => {
  const outputs = Object.values(made.templates).flatMap(({ Outputs }) => Object.keys(Outputs));
  for (const name of ["ApiUrl", "AdminFunctionName", "TableName", "BucketName", "PoolQueueUrlDefault"])
    expect(outputs).toContain(name);
});
