import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { z } from "zod";
import { parseJson } from "../shared/lib/parse-json.ts";
import { UsageError } from "./options.ts";

/** Where the control plane is, as a parent says it that starts both at the same time, and secrets that it read from a stream. */
const serverLine = z.strictObject({ url: z.url(), tokenFile: z.string().min(1), secrets: z.string().optional() });
export type Server = z.infer<typeof serverLine>;

/**
 * Reads one line of JSON, `{"url", "tokenFile"}`, from the parent's pipe; undefined where the parent ends without one.
 * What follows the line is left alone: its end is the parent's. Throws UsageError where the line is something else.
 */
export async function serverFromParent(input: Readable): Promise<Server | undefined> {
  const line = await firstLine(input);
  if (line === undefined) return undefined;
  const server = serverLine.safeParse(parseJson(line));
  if (server.success) return server.data;
  throw new UsageError('--server-from-parent: the first line of standard input must be {"url", "tokenFile"}');
}

function firstLine(input: Readable): Promise<string | undefined> {
  const lines = createInterface({ input });
  return new Promise((resolve) => {
    lines.once("line", (line) => {
      resolve(line);
      lines.close();
    });
    lines.once("close", () => resolve(undefined));
  });
}
