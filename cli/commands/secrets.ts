import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { printTime } from "../print/duration.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { printTable } from "../print/table.ts";
import { readValue } from "../read-value.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

interface SecretOptions extends ConnectedOptions {
  readonly branch?: string;
}
interface SetOptions extends SecretOptions {
  readonly valueStdin?: boolean;
}

/** `baton secrets set PROJECT NAME`. */
export async function setSecretCommand(
  context: Context,
  { project, name, excess }: { readonly project: string; readonly name: string; readonly excess: number },
  options: SetOptions,
): Promise<void> {
  if (excess > 0)
    throw new CommandError("the value is no argument, which every user of this machine can read: it is asked for");
  const value = await readValue(`Value of ${name}: `, options.valueStdin !== true);
  const client = await connect(context, options);
  const reply = await client.call("setSecret", { params: { project, name }, body: { value, ...branchOf(options) } });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${name} of project ${project} is set${told(options)}\n`);
}

/** `baton secrets list PROJECT`. */
export async function listSecretsCommand(context: Context, project: string, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("listSecrets", { params: { project } });
  if (options.json === true) return printJson(context, reply);
  if (reply.secrets.length === 0) return context.err.write(`project ${project} has no secrets\n`);
  const nowMs = context.clock.nowMs();
  const rows = reply.secrets.map(({ name, branch, updatedAtMs }) => [
    name,
    branch === undefined ? "all" : sanitizeLine(branch, false),
    printTime(updatedAtMs, nowMs),
  ]);
  await context.out.write(printTable(["SECRET", "BRANCHES", "SET"], rows));
}

/** `baton secrets rm PROJECT NAME`. */
export async function removeSecretCommand(
  context: Context,
  project: string,
  name: string,
  options: SecretOptions,
): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("removeSecret", { params: { project, name }, query: branchOf(options) });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${name} of project ${project} is removed${told(options)}\n`);
}

const branchOf = ({ branch }: SecretOptions) => (branch === undefined ? {} : { branch });
const told = ({ branch }: SecretOptions) => (branch === undefined ? "" : ` for branches ${branch}`);
