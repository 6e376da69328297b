import { RUN_ID_PATTERN } from "../../shared/domain/id-patterns.ts";
import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import { type Client, makeClient } from "../../shared/protocol/client.ts";
import { CommandError } from "../command-error.ts";
import { findServer } from "../config/find-server.ts";
import type { Context } from "../context.ts";

/** Options of every command that talks to a control plane. */
export interface ConnectedOptions {
  readonly url?: string;
  readonly json?: boolean;
}

/** A client of the control plane that the options, the environment or the config name. */
export async function connect(context: Context, options: ConnectedOptions): Promise<Client> {
  const { url, token } = await findServer(context.environment, options.url);
  return makeClient({ url, token, exchange: exchangeOverHttp });
}

/** The id of the run that the user names: itself, or that of the newest one for `latest`. */
export async function findRun(client: Client, run: string): Promise<string> {
  if (run === "latest") {
    const { runs } = await client.call("listRuns", { query: { limit: 1 } });
    const newest = runs[0];
    if (newest === undefined) throw new CommandError(`there is no run yet on ${client.url}`);
    return newest.id;
  }
  if (RUN_ID_PATTERN.test(run)) return run;
  throw new CommandError(
    `"${run}" is not a run's id: that is run_ and 26 characters, see \`baton runs list\`; or say latest`,
  );
}

/** Prints an API document as it came. */
export async function printJson(context: Context, document: unknown): Promise<void> {
  await context.out.write(`${JSON.stringify(document, null, 2)}\n`);
}
