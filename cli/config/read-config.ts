import { readFile, stat } from "node:fs/promises";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { CommandError } from "../command-error.ts";

/** The user's config file: which control plane to talk to, and as whom. */
export interface Config {
  readonly url?: string;
  readonly token?: string;
}

const CONFIG_BYTES_MAX = 64 * 1_024;

/** Reads the config file; undefined where there is none. A mistake in it is an error with its position. */
export async function readConfig(file: string): Promise<Config | undefined> {
  const text = await readConfigText(file);
  return text === undefined ? undefined : parseConfig(text, file);
}

/** Parses a config strictly: unknown keys, other types and values that are no URL are refused. */
export async function parseConfig(text: string, file: string): Promise<Config> {
  const [{ z }, { parseStrictYaml }] = await Promise.all([import("zod"), import("./strict-yaml.ts")]);
  const url = z.string("must be text").refine(isHttpUrl, "must be an http or https URL");
  const { url: server, token } = parseStrictYaml(
    text,
    file,
    z.strictObject({ url: url.optional(), token: z.string("must be text").optional() }),
  );
  return { ...(server === undefined ? {} : { url: server }), ...(token === undefined ? {} : { token }) };
}

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Undefined where there is none. */
export async function readConfigText(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > CONFIG_BYTES_MAX)
      throw new CommandError(`${file} is over ${CONFIG_BYTES_MAX} bytes: it is no config file`);
    return await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(`cannot read ${file}: ${fileTrouble(cause)}`, { cause });
  }
}
