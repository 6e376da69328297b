import type { AuditEntry } from "../../shared/protocol/audit.ts";
import type { Client } from "../../shared/protocol/client.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { printTable } from "../print/table.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

interface AuditOptions extends ConnectedOptions {
  readonly day?: string;
}

/** `baton audit`: one day, all its pages. Times are of UTC, as the day is. */
export async function auditCommand(context: Context, options: AuditOptions): Promise<void> {
  const client = await connect(context, options);
  const { day, entries } = await readDay(client, options.day);
  if (options.json === true) return printJson(context, { day, entries });
  if (entries.length === 0) return context.err.write(`nothing on ${day}\n`);
  const rows = entries.map((entry) => [
    new Date(entry.atMs).toISOString().slice(11, 19),
    entry.action,
    sanitizeLine(`${entry.actor.kind} ${entry.actor.name}`, false),
    sanitizeLine(entry.subject, false),
    sanitizeLine(printDetails(entry), false),
  ]);
  await context.out.write(printTable([`${day} UTC`, "ACTION", "BY", "WHAT", "DETAILS"], rows));
}

async function readDay(client: Client, day: string | undefined): Promise<{ day: string; entries: AuditEntry[] }> {
  const first = await client.call("readAudit", { query: day === undefined ? {} : { day } });
  const entries = [...first.entries];
  for (let { cursor } = first; cursor !== undefined; ) {
    const page = await client.call("readAudit", { query: { day: first.day, cursor } });
    entries.push(...page.entries);
    cursor = page.cursor;
  }
  return { day: first.day, entries };
}

const printDetails = ({ details }: AuditEntry): string =>
  Object.entries(details)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(",") : value}`)
    .join(" ");
