import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { BUCKET_NAME, poolQueueName, queueName } from "../../localstack/names.ts";
import {
  FUNCTIONS,
  type FunctionName,
  OFFER_QUEUE,
  QUEUES,
  type QueueName,
  type Uses,
} from "../../shared/resources.ts";
import type { WatchedCall } from "./watched-stack.ts";

/** What functions did in a watched stack, as the rights of `shared/resources.ts` that it took. */

const names = Object.keys(FUNCTIONS) as [FunctionName, ...FunctionName[]];
const watchedCall = z.object({
  function: z.enum(names),
  method: z.string(),
  path: z.string(),
  target: z.string().optional(),
  body: z.string(),
}) satisfies z.ZodType<Omit<WatchedCall, "target">>;
const dynamoBody = z.object({
  IndexName: z.string().optional(),
  TransactItems: z.array(z.record(z.string(), z.unknown())).optional(),
});
const sqsBody = z.object({ QueueUrl: z.string() });

/** A transaction's parts, each by the right that it takes. */
const PARTS: Readonly<Record<string, string>> = {
  Put: "PutItem",
  Update: "UpdateItem",
  Delete: "DeleteItem",
  ConditionCheck: "ConditionCheckItem",
};

/** The program that `spawnStack` is to run as its `main`. */
export const WATCHED_STACK = fileURLToPath(new URL("watched-stack.ts", import.meta.url));

/** What each function of a watched stack did that its role would not have allowed; and how many functions acted. */
export function missingRights(stateDir: string): { readonly missing: readonly string[]; readonly functions: number } {
  const needed = neededRights(stateDir);
  const missing = [...needed].flatMap(([name, rights]) => {
    const allowed = allowedRights(name);
    return [...rights].filter((right) => !allowed.has(right)).map((right) => `${name}: ${right}`);
  });
  return { missing, functions: needed.size };
}

/** Every right that was used, by function, as words: `table UpdateItem`, `send ticks`, `read logs/`. */
function neededRights(stateDir: string): ReadonlyMap<FunctionName, ReadonlySet<string>> {
  const lines = readFileSync(join(stateDir, "calls.jsonl"), "utf8").trim().split("\n");
  const calls = lines.map((line) => watchedCall.parse(JSON.parse(line)));
  const byFunction = Map.groupBy(calls, (call) => call.function);
  return new Map([...byFunction].map(([name, group]) => [name, new Set(group.flatMap(rightsOf))]));
}

function rightsOf({ target, method, path, body }: z.output<typeof watchedCall>): string[] {
  const [service, operation = ""] = target?.split(".") ?? [];
  if (service?.startsWith("DynamoDB") === true) return tableRights(operation, dynamoBody.parse(JSON.parse(body)));
  if (service === "AmazonSQS") return [queueRight(operation, sqsBody.parse(JSON.parse(body)).QueueUrl)];
  if (service !== undefined) return [target ?? ""];
  return path.startsWith(`/${BUCKET_NAME}`) ? [objectRight(method, path)] : [`${method} ${path}`];
}

function tableRights(operation: string, { IndexName, TransactItems }: z.output<typeof dynamoBody>): string[] {
  if (operation === "TransactWriteItems")
    return (TransactItems ?? []).flatMap((item) => Object.keys(item).map((part) => `table ${PARTS[part] ?? part}`));
  return [IndexName === undefined ? `table ${operation}` : `index ${IndexName}`];
}

function queueRight(operation: string, url: string): string {
  const verb = operation.startsWith("SendMessage")
    ? "send"
    : operation === "GetQueueAttributes"
      ? "measure"
      : operation;
  const name = url.split("/").at(-1) ?? "";
  const queue = (Object.keys(QUEUES) as QueueName[]).find((one) => queueName(one) === name);
  if (queue !== undefined) return `${verb} ${queue}`;
  return name.startsWith(poolQueueName("")) ? `${verb} ${OFFER_QUEUE.prefix}` : `${verb} ${name}`;
}

function objectRight(method: string, path: string): string {
  const key = new URL(path, "http://bucket").pathname.slice(`/${BUCKET_NAME}/`.length);
  if (key === "") return "list";
  const prefix = `${key.split("/")[0]}/`;
  return method === "PUT" ? `write ${prefix}` : `read ${prefix}`;
}

/** What a function's `uses` allow, in the same words. */
function allowedRights(name: FunctionName): ReadonlySet<string> {
  const uses: Uses = FUNCTIONS[name].uses;
  const words = (verb: string, of: readonly string[] = []) => of.map((one) => `${verb} ${one}`);
  const dead = Object.keys(QUEUES).map((queue) => `measure baton-${queue}-dead`);
  return new Set([
    ...words("table", uses.table),
    ...words("index", uses.indexes),
    ...words("read", uses.read),
    ...words("write", uses.write),
    ...words("send", uses.send),
    ...words("measure", uses.measure),
    ...(uses.list === true ? ["list"] : []),
    ...(uses.offers === undefined ? [] : [`send ${OFFER_QUEUE.prefix}`]),
    ...(uses.offers === "measured" || uses.depths === true ? [`measure ${OFFER_QUEUE.prefix}`] : []),
    ...(uses.depths === true ? dead : []),
  ]);
}
