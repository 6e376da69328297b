import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { NAME_PATTERN } from "../shared/domain/id-patterns.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { DEFAULT_POOLS } from "../shared/resources.ts";
import { StartFailure } from "./start-failure.ts";

export interface StackOptions {
  /** Absolute or relative path of the state folder: tokens, log and, unless `memory`, all data. */
  readonly stateDir: string;
  /** True: table, queues and bucket live in memory and end with the process. */
  readonly memory: boolean;
  /** The gateway's port; 0 picks a free one. */
  readonly port: number;
  /** The gateway's address. Table, queues and bucket never leave the loopback. */
  readonly host: string;
  /** The pools that get an offer queue. */
  readonly pools: readonly string[];
  /** Folders that definitions may be read from. */
  readonly sources: readonly string[];
}

/** Reads the stack process's arguments. No secret is ever among them: they show in `ps`. */
export function parseStackOptions(argv: readonly string[]): StackOptions {
  const { values } = parse(argv);
  const port = Number(values.port);
  if (values.state === undefined || values.state === "") throw new StartFailure("bad_options", "--state DIR is needed");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new StartFailure("bad_options", `--port must be 0 to 65535, not ${values.port}`);
  const pools = values.pool.length === 0 ? DEFAULT_POOLS : values.pool;
  const bad = pools.find((pool) => !NAME_PATTERN.test(pool));
  if (bad !== undefined) throw new StartFailure("bad_options", `--pool ${bad} is not a pool's name`);
  const sources = values.source.map((path) => resolve(path));
  return {
    stateDir: values.state,
    memory: values.memory,
    port,
    host: values.host,
    pools: [...new Set(pools)],
    sources,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        state: { type: "string" },
        memory: { type: "boolean", default: false },
        port: { type: "string", default: "0" },
        host: { type: "string", default: "127.0.0.1" },
        pool: { type: "string", multiple: true, default: [] },
        source: { type: "string", multiple: true, default: [] },
      },
    });
  } catch (cause) {
    throw new StartFailure("bad_options", messageOf(cause), { cause });
  }
}
