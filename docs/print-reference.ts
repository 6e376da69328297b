import { FAILURES } from "../shared/domain/errors.ts";
import * as limits from "../shared/domain/limits.ts";
import type { Route } from "../shared/protocol/route.ts";
import { routes } from "../shared/protocol/routes.ts";
import { BUCKET, DEFAULT_POOLS, FUNCTIONS, OFFER_QUEUE, QUEUES, SCHEDULES, TABLE } from "../shared/resources.ts";
import { markdownTable } from "./markdown-table.ts";

/** Reference tables, printed from the data that the programs use. */

export function printRoutes(): string {
  const rows = Object.entries<Route>(routes).map(([name, route]) => [
    `\`${name}\``,
    `\`${route.method} ${route.path}\``,
    route.access,
    route.handler,
    route.summary,
  ]);
  return markdownTable(["operation", "request", "who", "function", "what it does"], rows);
}

export function printFailures(): string {
  const rows = Object.entries(FAILURES).map(([code, { status, retry }]) => [
    `\`${code}\``,
    String(status),
    retry ? "yes" : "no",
  ]);
  return markdownTable(["code", "HTTP status", "may trying again help"], rows);
}

export function printLimits(): string {
  const rows = Object.entries(limits).map(([name, value]) => [`\`${name}\``, inUnits(name, value)]);
  return markdownTable(["limit", "value"], rows);
}

function inUnits(name: string, value: number | readonly number[]): string {
  if (typeof value !== "number") return value.map((member) => inUnits(name, member)).join(", ");
  if (name.endsWith("_MS")) return duration(value);
  return /_BYTES(_|$)/.test(name) ? bytes(value) : value.toLocaleString("en");
}

function duration(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const;
  const fit = units.find(([, size]) => ms >= size && ms % size === 0);
  return fit === undefined ? `${ms} ms` : `${ms / fit[1]} ${fit[0]}`;
}

function bytes(count: number): string {
  const units = [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const;
  const fit = units.find(([, size]) => count >= size && count % size === 0);
  return fit === undefined ? `${count} bytes` : `${count / fit[1]} ${fit[0]}`;
}

export function printResources(): string {
  const indexes = TABLE.indexes.map(({ name, pk, sk }) => `\`${name}\` (\`${pk.name}\`, \`${sk.name}\`)`).join(", ");
  const queues = Object.entries(QUEUES).map(([name, queue]) => [
    `queue \`${name}\``,
    `wakes \`${queue.function}\`, ${queue.batch} a batch; visibility ${queue.visibilitySeconds} s; after ${queue.maxReceives} receives to its dead-letter queue`,
  ]);
  const functions = Object.entries(FUNCTIONS).map(([name, { memoryMb, timeoutSeconds }]) => [
    `function \`${name}\``,
    `${memoryMb} MB, at most ${timeoutSeconds} s`,
  ]);
  const prefixes = BUCKET.lifecycle
    .map(({ prefix, expireDays }) => `\`${prefix}\` after ${expireDays} days`)
    .join(", ");
  const rows = [
    [`table \`${TABLE.name}\``, `key \`pk\`, \`sk\`; sparse indexes ${indexes}; expiry by \`${TABLE.ttlAttribute}\``],
    ...queues,
    [
      `queues \`${OFFER_QUEUE.prefix}<pool>\``,
      `offers, read by runners; visibility ${OFFER_QUEUE.visibilitySeconds} s; there from the start: ${DEFAULT_POOLS.join(", ")}`,
    ],
    [`bucket \`${BUCKET.name}\``, `objects expire: ${prefixes}`],
    ...SCHEDULES.map((schedule) => [
      `schedule \`${schedule.name}\``,
      `\`${schedule.function}\` every ${schedule.everySeconds} s`,
    ]),
    ...functions,
  ];
  return markdownTable(["resource", "what it is"], rows);
}
