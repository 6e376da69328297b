import { randomUUID } from "node:crypto";
import type { Clock } from "../shared/lib/clock.ts";
import { FUNCTIONS, type FunctionName, resourceName } from "../shared/resources.ts";
import { ACCOUNT_ID, AWS_REGION } from "./names.ts";
import { NO_METER, type StackMeter } from "./stack-meter.ts";

/** What a handler reads of Lambda's context object. */
interface InvocationContext {
  readonly callbackWaitsForEmptyEventLoop: boolean;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  getRemainingTimeInMillis(): number;
}

export type LambdaHandler = (event: unknown, context: InvocationContext) => unknown;
export type Handlers = Readonly<Record<FunctionName, LambdaHandler>>;

/** Calls a function as Lambda does. Throws what the handler throws, or `InvocationTimeout`. */
export type Invoke = (name: FunctionName, event: unknown) => Promise<unknown>;

/** The handler did not answer in its time. Lambda would have killed it; here it may still have its effects. */
class InvocationTimeout extends Error {
  override readonly name = "InvocationTimeout";
}

export function makeInvoke(handlers: Handlers, clock: Clock, meter: Pick<StackMeter, "invoked"> = NO_METER): Invoke {
  return (name, event) => {
    meter.invoked(name);
    const timeoutMs = FUNCTIONS[name].timeoutSeconds * 1_000;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new InvocationTimeout(`${resourceName(name)} did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const answer = call(handlers[name], event, contextOf(name, timeoutMs, clock));
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  };
}

/** A handler that throws before its first await rejects like any other. */
async function call(handler: LambdaHandler, event: unknown, context: InvocationContext): Promise<unknown> {
  return await handler(event, context);
}

function contextOf(name: FunctionName, timeoutMs: number, clock: Clock): InvocationContext {
  const functionName = resourceName(name);
  const endsAtMs = clock.monotonicMs() + timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${AWS_REGION}:${ACCOUNT_ID}:function:${functionName}`,
    memoryLimitInMB: String(FUNCTIONS[name].memoryMb),
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: "embedded",
    getRemainingTimeInMillis: () => Math.max(0, endsAtMs - clock.monotonicMs()),
  };
}
