import { getEventListeners } from "node:events";
import { writeSync } from "node:fs";
import type { Command } from "commander";
import { systemClock } from "../shared/lib/clock.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { keepLoopbackDirect } from "../shared/lib/loopback-direct.ts";
import type { Context } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { EXIT, SIGNAL_EXIT } from "./exit-codes.ts";
import { tieToLauncher } from "./launcher-tie.ts";
import { streamOutput } from "./print/output.ts";
import { buildProgram } from "./program.ts";

/** Runs one command and sets the process's exit code. Never throws. */
export async function main(args: readonly string[]): Promise<void> {
  const readerGone = watchReader();
  try {
    tieToLauncher(process.env);
    keepLoopbackDirect(process.env);
    const context: Context = {
      environment: readEnvironment(),
      clock: systemClock,
      out: streamOutput(process.stdout),
      err: streamOutput(process.stderr),
      readerGone,
    };
    const code = await runProgram(buildProgram(context), args);
    process.exitCode = process.exitCode ?? code;
  } catch (error) {
    const { printFailure } = await import("./print-failure.ts");
    const debug = (process.env["BATON_DEBUG"] ?? "") !== "";
    process.exitCode = printFailure(error, debug, (text) => process.stderr.write(text));
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

const STDERR = 2;

/** Whoever reads it has not all of it: that is no answer, whatever the command has found. */
function endUnwritten(stream: NodeJS.WriteStream, error: Error): never {
  // Not by the stream, which may not be written any more before the process ends.
  try {
    if (stream === process.stdout) writeSync(STDERR, `baton: cannot write to stdout: ${fileTrouble(error)}\n`);
  } finally {
    // Also where neither takes a word: the code alone says it then.
    process.exit(EXIT.couldNotRun);
  }
}

/** `baton … | head`: when the reader is gone there is nobody to tell. A command with children listens, and ends them. */
function watchReader(): AbortSignal {
  const gone = new AbortController();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") return endUnwritten(stream, error);
      if (getEventListeners(gone.signal, "abort").length === 0) process.exit(SIGNAL_EXIT.SIGPIPE);
      gone.abort();
    });
  }
  return gone.signal;
}
