import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";

interface ApproveOptions extends ConnectedOptions {
  readonly sha?: string;
}

/**
 * `baton runs approve RUN`: lets the run of a fork's commit start. A run is of one commit for ever, so its id names the
 * commit too; `latest` does not, since another may come between the look and the word.
 */
export async function approveRunCommand(context: Context, run: string, options: ApproveOptions): Promise<void> {
  if (run === "latest" && options.sha === undefined)
    throw new CommandError("name the commit: `latest` may be another by now; give the run's id, or --sha");
  const client = await connect(context, options);
  const id = await findRun(client, run);
  const sha = options.sha ?? (await commitOf(client, id));
  const reply = await client.call("approveRun", { params: { run: id }, body: { sha } });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${id} approved: ${sha}\n`);
}

async function commitOf(client: Awaited<ReturnType<typeof connect>>, run: string): Promise<string> {
  const { run: seen } = await client.call("getRun", { params: { run } });
  if (seen.approval === undefined) throw new CommandError(`${run} needs no approval`);
  return seen.approval.sha;
}
