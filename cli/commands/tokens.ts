import type { Scope } from "../../shared/protocol/tokens.ts";
import type { Context } from "../context.ts";
import { printTime } from "../print/duration.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { printTable } from "../print/table.ts";
import { printTokenRights } from "../print/token-rights.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

interface CreateOptions extends ConnectedOptions {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly pool?: readonly string[];
}

/** `baton tokens create`: the token alone on stdout, so that it can go straight into a file. */
export async function createTokenCommand(context: Context, options: CreateOptions): Promise<void> {
  const client = await connect(context, options);
  const pools = options.pool === undefined ? {} : { pools: [...options.pool] };
  const reply = await client.call("createToken", {
    body: { name: options.name, scopes: [...options.scope], ...pools },
  });
  if (options.json === true) return printJson(context, reply);
  await context.err.write(`token ${reply.view.id} (${printTokenRights(reply.view)}); it is shown this once\n`);
  await context.out.write(`${reply.token}\n`);
}

/** `baton tokens list`. */
export async function listTokensCommand(context: Context, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("listTokens", {});
  if (options.json === true) return printJson(context, reply);
  const nowMs = context.clock.nowMs();
  const rows = reply.tokens.map((token) => [
    token.id,
    sanitizeLine(token.name, false),
    token.scopes.join(", "),
    token.pools?.join(", ") ?? "–",
    printTime(token.createdAtMs, nowMs),
    token.revokedAtMs === undefined ? "–" : printTime(token.revokedAtMs, nowMs),
  ]);
  await context.out.write(printTable(["TOKEN", "NAME", "SCOPES", "POOLS", "CREATED", "REVOKED"], rows));
}

/** `baton tokens revoke ID`. */
export async function revokeTokenCommand(context: Context, id: string, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("revokeToken", { params: { token: id } });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${id} revoked\n`);
}
