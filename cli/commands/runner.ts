/** `baton runner`: the runner's own main, with its own options. */
export async function runnerCommand(args: readonly string[]): Promise<void> {
  const { runnerMain } = await import("../../runner/runner-process.ts");
  // A poll may still be in flight: nothing waits for it.
  process.exit(await runnerMain(args));
}
