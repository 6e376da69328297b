import { setTimeout as wait } from "node:timers/promises";
import type { Client } from "../../shared/protocol/client.ts";
import type { Status } from "../../shared/protocol/status.ts";
import type { Context } from "../context.ts";
import { printStatus } from "../print/status.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

interface StatusOptions extends ConnectedOptions {
  readonly watch?: boolean;
}

const WATCH_MS = 5_000;
/** Asking for the cost has a price, and AWS's counts come minutes late. */
const COST_EVERY_MS = 600_000;
const CLEAR = "\x1b[H\x1b[2J";

/** `baton status`: once, or until Ctrl-C. With --watch and --json, a document a line. */
export async function statusCommand(context: Context, options: StatusOptions): Promise<void> {
  const client = await connect(context, options);
  if (options.watch === true) return watch(context, client, options.json === true);
  const seen = await client.call("status", { query: {} });
  if (options.json === true) return printJson(context, seen);
  await context.out.write(printStatus(seen, context.environment.colour.stdout));
}

async function watch(context: Context, client: Client, json: boolean): Promise<never> {
  const colour = context.environment.colour.stdout;
  let cost: Status["cost"];
  let costAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const askCost = context.clock.monotonicMs() - costAtMs >= COST_EVERY_MS;
    const seen = await client.call("status", { query: { cost: askCost ? "yes" : "no" } });
    if (askCost) costAtMs = context.clock.monotonicMs();
    cost = seen.cost ?? cost;
    const shown = cost === undefined ? seen : { ...seen, cost };
    await context.out.write(
      json ? `${JSON.stringify(shown)}\n` : `${colour ? CLEAR : ""}${printStatus(shown, colour)}\n`,
    );
    await wait(WATCH_MS);
  }
}
