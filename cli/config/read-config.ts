import { CONFIG_BYTES_MAX } from "../../shared/domain/limits.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../../shared/lib/read-text-file.ts";
import { CommandError } from "../command-error.ts";

/** The user's config file: which control plane to talk to, and as whom. */
export interface Config {
  readonly url?: string;
  readonly token?: string;
}

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
    return await readTextFile(file, { bytesMax: CONFIG_BYTES_MAX });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new CommandError(tellTextTrouble(file, cause, fileTrouble), { cause });
  }
}
