import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Command, Report } from "../watchdog/protocol.ts";

const reportSchema: z.ZodType<Report> = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    space: z
      .object({ init: z.int(), startTicks: z.number(), pidNamespace: z.string(), outerUsers: z.string() })
      .optional(),
  }),
  z.object({ type: z.literal("no_space"), message: z.string() }),
  z.object({ type: z.literal("started"), pid: z.int().positive() }),
  z.object({ type: z.literal("refused"), code: z.string(), message: z.string() }),
  z.object({
    type: z.literal("exited"),
    pid: z.int().positive(),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    groupLeft: z.boolean(),
  }),
  z.object({ type: z.literal("stopped"), clean: z.boolean(), killed: z.int() }),
  z.object({ type: z.literal("fenced"), clean: z.boolean() }),
]);

/** A watchdog process as its runner sees it. */
export interface WatchdogHandle {
  readonly pid: number;
  send(command: Command): void;
  /** One listener at a time: the attempt that holds it. */
  listen(listener: (report: Report) => void): void;
  readonly exited: Promise<void>;
  isAlive(): boolean;
  /** Closes the channel: a watchdog that holds nothing ends, one that holds an attempt fences it. */
  dismiss(): void;
  /** Kills the watchdog itself; what it held is then the caller's to end. */
  kill(): void;
}

/**
 * Starts a watchdog: in a session of its own, with an environment that holds nothing, since /proc shows it to steps.
 * `environment` is what little it needs.
 */
export function startWatchdog(environment: Readonly<Record<string, string>>): WatchdogHandle {
  const child = fork(fileURLToPath(new URL("../watchdog/main.ts", import.meta.url)), [], {
    detached: true,
    env: environment,
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let alive = child.pid !== undefined;
  let listener: (report: Report) => void = () => undefined;
  const exited = new Promise<void>((resolve) => {
    const gone = () => {
      alive = false;
      resolve();
    };
    child.once("exit", gone);
    // Could not be started, or its channel broke: both are an end.
    child.once("error", () => {
      child.kill("SIGKILL");
      gone();
    });
  });
  child.on("message", (message) => listener(reportSchema.parse(message)));
  return {
    pid: child.pid ?? 0,
    send(command) {
      // A closed channel is told by `exited`.
      if (child.connected) child.send(command, () => undefined);
    },
    listen(next) {
      listener = next;
    },
    exited,
    isAlive: () => alive && child.connected,
    dismiss() {
      if (child.connected) child.disconnect();
    },
    kill: () => void child.kill("SIGKILL"),
  };
}
