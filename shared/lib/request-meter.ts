import { z } from "zod";

/** Counts what a bill counts: AWS requests by service and operation, with DynamoDB's items and units. */

export interface MeteredRequest {
  readonly service: string;
  readonly operation: string;
  /** Items that the request named: those of a transaction, else one. */
  readonly items: number;
  /** A receive that brought no message: what an idle queue costs, and no run. */
  readonly empty: boolean;
  /** Units as the engine reports them; undefined where it reports none, as for a refused write. */
  readonly units: { readonly table: number; readonly indexes: number } | undefined;
}

export type RequestMeter = (request: MeteredRequest) => void;

/** A request to the bucket by link, past the SDK. */
export function bucketRequest(operation: "PutObject" | "GetObject"): MeteredRequest {
  return { service: "S3", operation, items: 1, empty: false, units: undefined };
}

/** The part of an SDK client that a middleware is added to. */
interface Meterable {
  readonly middlewareStack: { add: (middleware: never, options: { step: "initialize"; name: string }) => void };
}

type Next = (call: unknown) => Promise<{ output: unknown }>;
interface Context {
  readonly commandName?: string;
}

const consumed = z.object({
  CapacityUnits: z.number().optional(),
  Table: z.object({ CapacityUnits: z.number() }).optional(),
  GlobalSecondaryIndexes: z.record(z.string(), z.object({ CapacityUnits: z.number() })).optional(),
});
const withCapacity = z.object({ ConsumedCapacity: z.union([consumed, z.array(consumed)]).optional() });
const received = z.object({ Messages: z.array(z.unknown()).optional() });
const callShape = z.object({ input: z.looseObject({ TransactItems: z.array(z.unknown()).optional() }) });

/** Operations of the table that report what they consumed when they are asked. */
const REPORTING = new Set(["GetItem", "PutItem", "UpdateItem", "Query", "TransactWriteItems"]);

/** Adds the meter to a client as a middleware: every request is counted, also one that is refused. A link is none. */
export function attachMeter(client: Meterable, service: string, meter: RequestMeter): void {
  const middleware = (next: Next, context: Context) => async (call: unknown) => {
    const operation = (context.commandName ?? "Unknown").replace(/Command$/, "");
    const { input } = callShape.parse(call);
    const items = input.TransactItems?.length ?? 1;
    const asked = REPORTING.has(operation) ? { input: { ...input, ReturnConsumedCapacity: "INDEXES" } } : {};
    try {
      const answer = await next({ ...(call as object), ...asked });
      if (isLink(answer.output)) return answer;
      meter({
        service,
        operation,
        items,
        empty: operation === "ReceiveMessage" && isEmpty(answer.output),
        units: unitsOf(answer.output),
      });
      return answer;
    } catch (error) {
      meter({ service, operation, items, empty: false, units: undefined });
      throw error;
    }
  };
  client.middlewareStack.add(middleware as never, { step: "initialize", name: "batonMeter" });
}

/** The presigner runs a command's middleware up to where it would be sent. */
function isLink(output: unknown): boolean {
  return typeof output === "object" && output !== null && "presigned" in output;
}

function isEmpty(output: unknown): boolean {
  return (received.safeParse(output).data?.Messages ?? []).length === 0;
}

function unitsOf(output: unknown): MeteredRequest["units"] {
  const parsed = withCapacity.safeParse(output);
  if (!parsed.success || parsed.data.ConsumedCapacity === undefined) return undefined;
  const all = [parsed.data.ConsumedCapacity].flat();
  const table = all.reduce((sum, one) => sum + (one.Table?.CapacityUnits ?? one.CapacityUnits ?? 0), 0);
  const indexes = all.flatMap((one) => Object.values(one.GlobalSecondaryIndexes ?? {}));
  return { table, indexes: indexes.reduce((sum, one) => sum + one.CapacityUnits, 0) };
}
