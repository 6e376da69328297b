import type { Client } from "../../shared/protocol/client.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { SIGNAL_EXIT, type StopSignal } from "../exit-codes.ts";
import { followRun } from "../follow/follow-run.ts";
import { onStopSignals } from "../local/stop-signals.ts";
import { makeFollowPrinter } from "../print/follow-printer.ts";
import { printRunTable } from "../print/run-table.ts";
import { verdictExit } from "../verdict-exit.ts";
import { type ConnectedOptions, printJson } from "./find-run.ts";

/** Streams a run to its end, prints its table and takes its verdict as the exit code. Ctrl-C leaves the run alone, and says so. */
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
  const seen = await followUntilSignal(context, (signal) => followRun({ client, runId, sink, signal }), runId);
  await output.write(`\n${printRunTable(seen, toneOf, context.clock.nowMs())}`);
  if (json) await printJson(context, seen);
  process.exitCode = verdictExit(seen.run.state);
}

/** Throws, with what to do next, when a signal ends the following. */
async function followUntilSignal<T>(
  context: Context,
  follow: (signal: AbortSignal) => Promise<T>,
  runId: string,
): Promise<T> {
  const stopped = new AbortController();
  const goesOn = `the run goes on: \`baton runs logs -f ${runId}\` follows it, \`baton runs cancel ${runId}\` ends it`;
  const stop = (signal: StopSignal) => stopped.abort(new CommandError(goesOn, { exitCode: SIGNAL_EXIT[signal] }));
  const unlisten = onStopSignals(context.clock, stop, stop);
  try {
    return await follow(stopped.signal);
  } finally {
    unlisten();
  }
}
