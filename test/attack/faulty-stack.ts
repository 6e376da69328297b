import { createHash, randomUUID } from "node:crypto";
import diagnostics from "node:diagnostics_channel";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Instance, Reply, Request, RouteOptions } from "../../localstack/fastify-shim.ts";
import { startStack } from "../../localstack/start-stack.ts";
import { makeDice } from "./dice.ts";
import { FAULTS_FILE, type Faults, readFaults } from "./faults.ts";

/**
 * The embedded stack with the real functions, whose SQS and S3 fail as `faults.json` in the state folder says at that
 * moment. Only a program that starts this file instead of localstack/main.ts has such a switch.
 */

const { values } = parseArgs({ strict: false, options: { state: { type: "string" } } });
const file = join(String(values.state), FAULTS_FILE);
const dice = makeDice(process.pid);

/** The reply of a request that fails half-way is lost after the effect, or the request before it. */
const LOST_BEFORE_SHARE = 1 / 3;
const LOST_AFTER_SHARE = 1 / 3;

diagnostics.subscribe("fastify.initialization", (message) => {
  const { fastify } = message as { fastify: Instance };
  fastify.addHook("onRoute", (route) => {
    const answer = route.handler;
    if (route.url === "/" && route.method === "POST")
      route.handler = (request, reply) => onQueue(readFaults(file), request, reply, answer);
    if (route.url.startsWith("/:bucket"))
      route.handler = (request, reply) => onBucket(readFaults(file), request, reply, answer);
  });
});

type Handler = RouteOptions["handler"];

async function onQueue({ queues }: Faults, request: Request, reply: Reply, answer: Handler): Promise<unknown> {
  const action = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
  if (!action.startsWith("SendMessage") || queues === "pass") return answer(request, reply);
  if (queues === "drop") return action === "SendMessage" ? dropped(request.body) : droppedBatch(request.body);
  await answer(request, reply);
  await answer(request, reply);
  return answer(request, reply);
}

interface Entry {
  readonly Id?: string;
  readonly MessageBody?: string;
}

/** What SQS answers to a message that it took: the client compares the digest. */
function dropped(body: unknown) {
  const { MessageBody = "" } = body as Entry;
  return { MessageId: randomUUID(), MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex") };
}

function droppedBatch(body: unknown) {
  const { Entries = [] } = body as { readonly Entries?: readonly Entry[] };
  return { Successful: Entries.map((entry) => ({ Id: entry.Id, ...dropped(entry) })), Failed: [] };
}

async function onBucket({ bucket, slowMs }: Faults, request: Request, reply: Reply, answer: Handler): Promise<unknown> {
  if (bucket === "slow") await wait(slowMs);
  if (bucket === "down") return cutOff(request);
  if (bucket !== "half") return answer(request, reply);
  const luck = dice.share();
  if (luck < LOST_BEFORE_SHARE) return cutOff(request);
  const result = await answer(request, reply);
  return luck < LOST_BEFORE_SHARE + LOST_AFTER_SHARE ? cutOff(request) : result;
}

/** The connection goes, and with it the answer. */
function cutOff({ raw }: Request): unknown {
  (raw?.socket as { destroy?: () => void } | undefined)?.destroy?.();
  return {};
}

await startStack(process.argv.slice(2), async () => {
  const { loadRealParts } = await import("../../localstack/real-parts.ts");
  return loadRealParts();
});
