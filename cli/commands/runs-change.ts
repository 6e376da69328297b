import { randomUUID } from "node:crypto";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { Context } from "../context.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";
import { followToVerdict } from "./follow-to-verdict.ts";

interface CancelOptions extends ConnectedOptions {
  readonly reason?: string;
}

/** `baton runs cancel RUN`: asks for it; jobs that run end by their runner's word. */
export async function cancelRunCommand(context: Context, run: string, options: CancelOptions): Promise<void> {
  const client = await connect(context, options);
  const id = await findRun(client, run);
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const reply = await client.call("cancelRun", { params: { run: id }, body });
  if (options.json === true) return printJson(context, reply);
  const { state } = reply.run;
  const late = isRunEnded(state) && state !== "canceled";
  await context.out.write(late ? `${id} had ended already: ${state.replace("_", " ")}\n` : `${id} ${state}\n`);
}

interface RerunOptions extends ConnectedOptions {
  readonly failed?: boolean;
  readonly follow?: boolean;
}

/** `baton runs rerun RUN`: prints the new run's id. */
export async function rerunCommand(context: Context, run: string, options: RerunOptions): Promise<void> {
  const client = await connect(context, options);
  const id = await findRun(client, run);
  const reply = await client.call("rerunRun", {
    params: { run: id },
    headers: { "idempotency-key": randomUUID() },
    body: { only: options.failed === true ? "failed" : "all", watch: options.follow === true },
  });
  if (options.follow === true) return followToVerdict(context, client, reply.run.id, options);
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${reply.run.id}\n`);
}
