import { getEventListeners } from "node:events";
import type { Command } from "commander";
import { systemClock } from "../shared/lib/clock.ts";
import type { Context } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { EXIT, SIGNAL_EXIT } from "./exit-codes.ts";
import { streamOutput } from "./print/output.ts";
import { buildProgram } from "./program.ts";

/** Runs one command and sets the process's exit code. Never throws. */
export async function main(args: readonly string[]): Promise<void> {
  const environment = readEnvironment();
  const context: Context = {
    environment,
    clock: systemClock,
    out: streamOutput(process.stdout),
    err: streamOutput(process.stderr),
    readerGone: watchReader(),
  };
  try {
    const code = await runProgram(buildProgram(context), args);
    process.exitCode = process.exitCode ?? code;
  } catch (error) {
    const { printFailure } = await import("./print-failure.ts");
    process.exitCode = printFailure(error, environment.debug, (text) => process.stderr.write(text));
  }
}

async function runProgram(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    // Commander has told the user already; help and version are no mistake. By its code: a bundle has other class names.
    if (!(error instanceof Error && "exitCode" in error && "code" in error && /^commander\./.test(String(error.code))))
      throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.couldNotRun;
  }
}

/** `baton … | head`: when the reader is gone there is nobody to tell. A command with children listens, and ends them. */
function watchReader(): AbortSignal {
  const gone = new AbortController();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
      if (getEventListeners(gone.signal, "abort").length === 0) process.exit(SIGNAL_EXIT.SIGPIPE);
      gone.abort();
    });
  }
  return gone.signal;
}
