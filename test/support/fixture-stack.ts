import { startStack } from "../../localstack/start-stack.ts";

/**
 * The embedded stack with functions that only report what they were given: `GET /metrics` answers all events that the
 * queue and schedule functions saw, every other route its own event.
 */

const seen: { name: string; event: unknown }[] = [];

interface Records {
  readonly Records: readonly {
    readonly messageId: string;
    readonly body: string;
    readonly attributes: { readonly ApproximateReceiveCount: string };
  }[];
}

/** A body `{"failures": n}` fails n times, one by one; `{"throws": n}` throws n times; `{"hangs": n}` never answers. */
function queueFunction(name: string) {
  return async (event: unknown) => {
    seen.push({ name, event });
    const records = (event as Records).Records.map((record) => {
      const body: unknown = JSON.parse(record.body);
      const wish = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
      return { record, wish, receives: Number(record.attributes.ApproximateReceiveCount) };
    });
    if (records.some(({ wish, receives }) => receives <= Number(wish["throws"] ?? 0))) throw new Error("as told");
    if (records.some(({ wish, receives }) => receives <= Number(wish["hangs"] ?? 0)))
      await new Promise(() => undefined);
    const failed = records.filter(({ wish, receives }) => receives <= Number(wish["failures"] ?? 0));
    return { batchItemFailures: failed.map(({ record }) => ({ itemIdentifier: record.messageId })) };
  };
}

async function httpFunction(event: unknown) {
  const { routeKey, headers } = event as { routeKey: string; headers: Record<string, string> };
  if (headers["x-fixture"] === "throw") throw new Error("as told");
  if (headers["x-fixture"] === "nonsense") return "not an answer";
  const body = JSON.stringify(routeKey === "GET /metrics" ? seen : event);
  return { statusCode: 200, headers: { "Content-Type": "application/json" }, body };
}

await startStack(process.argv.slice(2), async () => ({
  handlers: {
    api: httpFunction,
    lease: httpFunction,
    plan: queueFunction("plan"),
    reconcile: queueFunction("reconcile"),
    sweep: async (event) => {
      seen.push({ name: "sweep", event });
    },
    webhook: httpFunction,
    status: httpFunction,
    report: queueFunction("report"),
    admin: async () => undefined,
  },
  mintToken: async (name) => `baton_main_${name}`,
  tokenLives: async () => true,
}));
