import { flushCompileCache } from "node:module";
import { bootClock } from "../boot-clock.ts";
import { makeWatchdog } from "./watchdog.ts";

/**
 * The watchdog's program: parent of one attempt's steps at a time, child of the runner, in a session of its own so that
 * a terminal's Ctrl-C or Ctrl-Z never reaches it. Needs an IPC channel; ends when that closes.
 */

/** A failure of the watchdog itself; the runner then ends the steps (sysexits.h: EX_SOFTWARE). */
const BROKEN = 70;

if (process.send === undefined) throw new Error("the watchdog is started by the runner, with an IPC channel");

const watchdog = makeWatchdog({
  clock: bootClock,
  report: (report) => {
    if (process.connected) process.send?.(report, ignoreClosedChannel);
  },
  // Not process.exit, which joins Node's threads: one may hang in a write to a pipe that nobody reads.
  leave: () => process.kill(process.pid, "SIGKILL"),
});

process.on("message", (message) => watchdog.command(message));
process.on("disconnect", () => watchdog.runnerGone());
// A service manager signals every process of a unit. The runner decides; its death is seen by the channel.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stay);
process.on("uncaughtException", broken);
process.on("unhandledRejection", broken);

// Node writes it when a process ends in order, and a watchdog never does.
flushCompileCache();

function stay(): void {}

/** The runner is going away: `disconnect` says so next, and acts. */
function ignoreClosedChannel(): void {}

function broken(error: unknown): void {
  process.exitCode = BROKEN;
  process.stderr.write(`baton watchdog: ${error instanceof Error ? error.stack : String(error)}\n`);
  watchdog.broken();
}
