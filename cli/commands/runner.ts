/** `baton runner`: the runner's own main, with its own options. */
export async function runnerCommand(args: readonly string[]): Promise<void> {
  const { runnerMain } = await import("../../runner/main.ts");
  await runnerMain([...args]);
}
