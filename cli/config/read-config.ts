import { readFile, stat } from "node:fs/promises";
import { CommandError } from "../command-error.ts";

/** The user's config file: which control plane to talk to, and as whom. */
export interface Config {
  readonly url?: string;
  readonly token?: string;
}

const KEYS = ["url", "token"] as const;
const CONFIG_BYTES_MAX = 64 * 1_024;

/** Reads the config file; undefined where there is none. A mistake in it is an error with its position. */
export async function readConfig(file: string): Promise<Config | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : parseConfig(text, file);
}

/** Parses a config strictly: unknown keys, other types and values that are no URL are refused. */
export async function parseConfig(text: string, file: string): Promise<Config> {
  const { isMap, isScalar, LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true });
  const problems: string[] = [];
  const tell = (offset: number | undefined, message: string) => {
    const { line, col } = lines.linePos(offset ?? 0);
    problems.push(`${file}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`);
  };
  for (const error of document.errors) tell(error.pos[0], error.message.split("\n")[0] ?? error.message);
  const root = document.contents;
  const config: { url?: string; token?: string } = {};
  if (problems.length === 0 && root !== null && !isMap(root))
    tell(root.range?.[0], "a config is a map of keys to values");
  if (problems.length === 0 && isMap(root)) {
    for (const { key, value } of root.items) {
      const name = isScalar(key) ? String(key.value) : "";
      const known = KEYS.find((one) => one === name);
      if (known === undefined) tell(rangeOf(key), `unknown key "${name}"; known are ${KEYS.join(" and ")}`);
      else if (!isScalar(value) || typeof value.value !== "string")
        tell(rangeOf(value) ?? rangeOf(key), `${name} must be text`);
      else if (name === "url" && !isHttpUrl(value.value)) tell(rangeOf(value), "url must be an http or https URL");
      else config[known] = value.value;
    }
  }
  const [first, ...rest] = problems;
  if (first !== undefined) throw new CommandError(first, { notes: rest });
  return config;
}

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function rangeOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return undefined;
  const [start] = node.range as unknown[];
  return typeof start === "number" ? start : undefined;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > CONFIG_BYTES_MAX)
      throw new CommandError(`${file} is over ${CONFIG_BYTES_MAX} bytes: it is no config file`);
    return await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
