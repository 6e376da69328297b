import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import { join } from "node:path";
import type { Handlers, LambdaHandler } from "../../localstack/invoke.ts";
import { parseStackOptions } from "../../localstack/stack-options.ts";
import { startStack } from "../../localstack/start-stack.ts";
import type { FunctionName } from "../../shared/resources.ts";

/**
 * The embedded stack, and in `calls.jsonl` of its state folder each request that a function sent to AWS, with the function's
 * name: what a role would have to allow.
 */

export interface WatchedCall {
  readonly function: FunctionName;
  readonly method: string;
  readonly path: string;
  /** `DynamoDB_20120810.GetItem`, `AmazonSQS.SendMessage`; absent for S3. */
  readonly target: string | undefined;
  readonly body: string;
}

const BODY_CHARS_MAX = 100_000;
const calling = new AsyncLocalStorage<FunctionName>();
const file = join(parseStackOptions(process.argv.slice(2)).stateDir, "calls.jsonl");

subscribe("http.client.request.created", (message) => {
  const name = calling.getStore();
  if (name === undefined) return;
  const { request } = message as { request: ClientRequest };
  const pieces: string[] = [];
  const keep = (piece: unknown) => {
    if (typeof piece === "string" || piece instanceof Uint8Array) pieces.push(Buffer.from(piece).toString());
  };
  const { write, end } = request;
  request.write = ((...args: Parameters<typeof write>) => {
    keep(args[0]);
    return write.apply(request, args);
  }) as typeof write;
  request.end = ((...args: Parameters<typeof end>) => {
    keep(args[0]);
    // What is not signed goes to a forge, not to AWS.
    if (!String(request.getHeader("authorization")).startsWith("AWS4-HMAC")) return end.apply(request, args);
    const target = request.getHeader("x-amz-target");
    const call: WatchedCall = {
      function: name,
      method: request.method,
      path: request.path,
      target: target === undefined ? undefined : String(target),
      body: pieces.join("").slice(0, BODY_CHARS_MAX),
    };
    appendFileSync(file, `${JSON.stringify(call)}\n`);
    return end.apply(request, args);
  }) as typeof end;
});

await startStack(process.argv.slice(2), async () => {
  const { loadRealParts } = await import("../../localstack/real-parts.ts");
  const parts = await loadRealParts();
  const names = Object.keys(parts.handlers) as FunctionName[];
  return {
    ...parts,
    handlers: Object.fromEntries(names.map((name) => [name, named(name, parts.handlers[name])])) as Handlers,
  };
});

function named(name: FunctionName, handler: LambdaHandler): LambdaHandler {
  return (event, context) => calling.run(name, () => handler(event, context));
}
