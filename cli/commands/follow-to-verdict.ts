import type { Client } from "../../shared/protocol/client.ts";
import type { Context } from "../context.ts";
import { followRun } from "../follow/follow-run.ts";
import { makeFollowPrinter } from "../print/follow-printer.ts";
import { printRunTable } from "../print/run-table.ts";
import { verdictExit } from "../verdict-exit.ts";
import { type ConnectedOptions, printJson } from "./find-run.ts";

/** Streams a run to its end, prints its table and takes its verdict as the exit code. Ctrl-C leaves the run alone. */
export async function followToVerdict(
  context: Context,
  client: Client,
  runId: string,
  options: ConnectedOptions,
): Promise<void> {
  const { colour } = context.environment;
  const json = options.json === true;
  const output = json ? context.err : context.out;
  const toneOf = json ? colour.stderr : colour.stdout;
  await output.write(`${runId}\n`);
  const sink = makeFollowPrinter({ output, colour: toneOf });
  const seen = await followRun({ client, runId, sink });
  await output.write(`\n${printRunTable(seen, toneOf, context.clock.nowMs())}`);
  if (json) await printJson(context, seen);
  process.exitCode = verdictExit(seen.run.state);
}
