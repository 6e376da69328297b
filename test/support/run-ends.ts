import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { Client } from "../../shared/protocol/client.ts";
import type { RunView } from "../../shared/protocol/runs.ts";
import { eventually } from "./eventually.ts";

/** Creates a run of a definition's text. Nobody follows it. */
export async function createRunOf(client: Client, text: string): Promise<string> {
  const body = { definition: { path: "test.yml", text } };
  return (await client.call("createRun", { body })).run.id;
}

/** Waits for a run's end, for a bounded time, and returns it. */
export function runEnds(client: Client, runId: string, withinMs?: number, lookMs?: number): Promise<RunView> {
  const look = async () => {
    const { run } = await client.call("getRun", { params: { run: runId } });
    return isRunEnded(run.state) && run;
  };
  return eventually(`run ${runId} ends`, look, withinMs, lookMs);
}
