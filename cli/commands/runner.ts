import { keepLogging } from "../../shared/lib/steady-output.ts";

/** `baton runner`: the runner's own main, with its own options. */
export async function runnerCommand(args: readonly string[]): Promise<void> {
  if (!args.includes("--help") && !args.includes("-h")) keepLogging();
  const { runnerMain } = await import("../../runner/runner-process.ts");
  // A poll may still be in flight: nothing waits for it.
  process.exit(await runnerMain(args));
}
