import { z } from "zod";

/** Counts what a bill counts: AWS requests by service and operation, with DynamoDB's units and items. */

export interface MeteredRequest {
  readonly service: string;
  readonly operation: string;
  /** Units as the engine reports them; undefined where it reports none. */
  readonly units: { readonly table: number; readonly indexes: number } | undefined;
  /** Items that a write named. */
  readonly items: number;
}

export type RequestMeter = (request: MeteredRequest) => void;

/** The part of an SDK client that a middleware is added to. */
interface Meterable {
  readonly middlewareStack: {
    add: (middleware: never, options: { step: "finalizeRequest"; name: string; priority: "low" }) => void;
  };
}

type Next = (request: unknown) => Promise<{ output: unknown }>;
interface Context {
  readonly commandName?: string;
}

const consumed = z.object({
  CapacityUnits: z.number().optional(),
  Table: z.object({ CapacityUnits: z.number() }).optional(),
  GlobalSecondaryIndexes: z.record(z.string(), z.object({ CapacityUnits: z.number() })).optional(),
});
const withCapacity = z.object({ ConsumedCapacity: z.union([consumed, z.array(consumed)]).optional() });
const transaction = z.object({ TransactItems: z.array(z.unknown()) });

/** Adds the meter as a middleware: each request that leaves is counted, also the one that is refused. */
export function attachMeter(client: Meterable, service: string, meter: RequestMeter): void {
  const middleware = (next: Next, context: Context) => async (request: unknown) => {
    const operation = (context.commandName ?? "Unknown").replace(/Command$/, "");
    try {
      const answer = await next(request);
      meter({ service, operation, units: unitsOf(answer.output), items: itemsOf(request) });
      return answer;
    } catch (error) {
      meter({ service, operation, units: undefined, items: itemsOf(request) });
      throw error;
    }
  };
  client.middlewareStack.add(middleware as never, { step: "finalizeRequest", name: "batonMeter", priority: "low" });
}

function itemsOf(request: unknown): number {
  const parsed = z.object({ input: transaction }).safeParse(request);
  return parsed.success ? parsed.data.input.TransactItems.length : 1;
}

function unitsOf(output: unknown): MeteredRequest["units"] {
  const parsed = withCapacity.safeParse(output);
  if (!parsed.success || parsed.data.ConsumedCapacity === undefined) return undefined;
  const all = [parsed.data.ConsumedCapacity].flat();
  const table = all.reduce((sum, one) => sum + (one.Table?.CapacityUnits ?? one.CapacityUnits ?? 0), 0);
  const indexes = all
    .flatMap((one) => Object.values(one.GlobalSecondaryIndexes ?? {}))
    .reduce((sum, one) => sum + one.CapacityUnits, 0);
  return { table, indexes };
}
