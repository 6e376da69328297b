import { join } from "node:path";
import { z } from "zod";
import { POOLS_PER_SESSION_MAX } from "../../shared/domain/limits.ts";
import { poolName } from "../../shared/protocol/ids.ts";
import { readConfigText } from "./read-config.ts";
import { parseStrictYaml } from "./strict-yaml.ts";

/** What `baton up` may be told by a file in the project; the environment and the command line are stronger. */
export interface ServerConfig {
  readonly port?: number;
  readonly state?: string;
  readonly slots?: number;
  readonly pool?: readonly string[];
  readonly secretsFile?: string;
}

const SERVER_FILE = join(".baton", "server.yml");
const SLOTS_MAX = 256;

const schema = z.strictObject({
  port: z.int().min(1).max(65_535).optional(),
  // A repository brings this file: it must not choose a folder outside of the project to write to.
  state: z
    .string()
    .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))/, "a state folder lies below the project: no leading / and no ..")
    .optional(),
  slots: z.int().min(1).max(SLOTS_MAX).optional(),
  pools: z.array(poolName).min(1).max(POOLS_PER_SESSION_MAX).optional(),
  secrets_file: z.string().min(1).optional(),
});

/** The project's server file; empty where there is none. A mistake in it is an error with its position. */
export async function readServerConfig(cwd: string): Promise<ServerConfig> {
  const file = join(cwd, SERVER_FILE);
  const text = await readConfigText(file);
  return text === undefined ? {} : parseServerConfig(text, file);
}

export function parseServerConfig(text: string, file: string): ServerConfig {
  const { pools, secrets_file, ...rest } = parseStrictYaml(text, file, schema);
  const named = { ...rest, pool: pools, secretsFile: secrets_file };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}
