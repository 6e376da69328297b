import type { Command, Deadline, ReleaseCall } from "./protocol.ts";
import type { SpaceSpec } from "./space.ts";

/**
 * Parses a command. By hand, unlike every other edge: zod would add 13 MB to each watchdog, and the sender is the
 * same program. Throws on anything unknown, which ends the watchdog and with it the attempt.
 */
export function parseCommand(message: unknown): Command {
  const fields = record(message);
  switch (fields["type"]) {
    case "attempt":
      return {
        type: "attempt",
        cookie: text(fields["cookie"]),
        pipe: text(fields["pipe"]),
        release: parseRelease(fields["release"]),
        ...(fields["space"] === undefined ? {} : { space: parseSpace(fields["space"]) }),
        ...parseDeadline(fields),
      };
    case "deadline":
      return { type: "deadline", ...parseDeadline(fields) };
    case "step":
      return {
        type: "step",
        command: list(fields["command"]).map(text),
        cwd: text(fields["cwd"]),
        env: Object.fromEntries(Object.entries(record(fields["env"])).map(([name, value]) => [name, text(value)])),
        marker: text(fields["marker"]),
      };
    case "stop":
      return { type: "stop", graceMs: number(fields["graceMs"]), marker: text(fields["marker"]) };
    case "done":
      return { type: "done" };
    default:
      throw new TypeError(`not a command for a watchdog: ${String(fields["type"])}`);
  }
}

function parseDeadline(fields: Readonly<Record<string, unknown>>): Deadline {
  return { killAtMs: number(fields["killAtMs"]), expiresAtMs: number(fields["expiresAtMs"]) };
}

function parseRelease(value: unknown): ReleaseCall {
  const fields = record(value);
  return { url: text(fields["url"]), token: text(fields["token"]) };
}

function parseSpace(value: unknown): SpaceSpec {
  const fields = record(value);
  return {
    start: list(fields["start"]).map(text),
    nsenter: text(fields["nsenter"]),
    inside: list(fields["inside"]).map(text),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new TypeError("a watchdog's command is an object");
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError("a list was expected in a watchdog's command");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("a text was expected in a watchdog's command");
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("a number was expected in a watchdog's command");
  return value;
}
