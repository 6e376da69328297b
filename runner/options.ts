import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { NAME_PATTERN } from "../shared/domain/id-patterns.ts";
import { NAME_LENGTH_MAX, POOLS_PER_SESSION_MAX } from "../shared/domain/limits.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import { idlePollPrice } from "./poll-price.ts";

const SLOTS_MAX = 256;
const DRAIN_DEFAULT_MS = 60_000;
const DRAIN_MAX_MS = 86_400_000;

/** What a runner is told by its arguments. Never a token: arguments are for all to see. */
export interface RunnerOptions {
  readonly url: string | undefined;
  readonly tokenFile: string | undefined;
  readonly pools: readonly string[];
  readonly slots: number;
  readonly name: string;
  readonly workDir: string | undefined;
  readonly allowSources: readonly string[];
  readonly secretsFile: string | undefined;
  /** Variables of the runner's environment that steps get. */
  readonly passEnv: readonly string[];
  readonly keepWorkspace: boolean;
  readonly metricsPort: number | undefined;
  /** Holds the token that the counters need. */
  readonly metricsTokenFile: string | undefined;
  readonly exitWithParent: boolean;
  /** The parent names the control plane on standard input, once there is one: this process starts meanwhile. */
  readonly serverFromParent: boolean;
  readonly drainMs: number;
  /** Where offers are taken: from the queue, or through the control plane's API. */
  readonly poll: "queue" | "api";
  /** One job, then the process ends. */
  readonly ephemeral: boolean;
  /** Whether steps run behind walls: `auto` where the host can. */
  readonly sandbox: "on" | "off" | "auto";
  /** What steps in a sandbox do not see, do not write, and see in spite of that. */
  readonly hide: readonly string[];
  readonly readOnly: readonly string[];
  readonly expose: readonly string[];
  /** Removes the token file once it is read: no step finds it. */
  readonly forgetToken: boolean;
  /** Holds the one session that this runner has, opened by the host's service; then it has no token. */
  readonly sessionFile: string | undefined;
  /** Appears when the host goes away: `{"action", "time"}`. */
  readonly noticeFile: string | undefined;
  /** Is there while a lease is held. */
  readonly busyFile: string | undefined;
  readonly json: boolean;
}

/** The arguments say something that cannot be. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** It cannot be now, and may be when it is tried again. */
export class NotNowError extends UsageError {}

/** Elsewhere `baton` takes `--pool a b`. */
const SEVERAL = " Several of one option: --pool a --pool b.";

const dollars = (poll: "queue" | "api") => `$${idlePollPrice(poll).toFixed(2)}`;

export const RUNNER_USAGE = `Usage: baton runner --url URL --token-file FILE [options]

  --url URL             the control plane (or BATON_URL)
  --token-file FILE     a file with a runner token (or BATON_TOKEN in the
                        environment)
  --pool NAME           a pool to take jobs of; repeatable (default: default)
  --slots N             attempts at a time (default: the number of cores)
  --poll queue|api      where offers are taken (default: queue). api needs no
                        way to the queue, and the control plane's operator to
                        allow it: an idle pool costs about ${dollars("api")} a month,
                        from the queue ${dollars("queue")}
  --ephemeral           one job, then the process ends and leaves nothing
  --name NAME           shown with each attempt (default: the host's name)
  --work-dir DIR        workspaces and caches (default: ~/.cache/baton/runner)
  --allow-source DIR    a local folder that git sources may lie in; repeatable
  --secrets-file FILE   values of secrets that jobs name, as NAME=value lines
  --pass-env NAME       a variable of this environment for steps; repeatable
  --sandbox on|off|auto steps see neither the runner's files and processes nor
                        other attempts'; foreign pools (forks, and each but the
                        first) see the system's programs alone. auto: where the
                        host can (default: off)
  --hide PATH           in a sandbox not seen; repeatable
  --read-only DIR       in a sandbox not written to; repeatable
  --expose PATH         in a sandbox seen in spite of that; repeatable
  --keep-workspace      leave the workspaces of ended attempts
  --metrics-port PORT   serve http://127.0.0.1:PORT/healthz and, with a token,
                        Prometheus metrics at /metrics
  --metrics-token-file FILE
                        the bearer token that /metrics needs: one word of 16
                        characters or more; without one it answers 401
  --forget-token        remove the token file once it is read
  --session-file FILE   in place of a token: one session of one job, opened by
                        the host's own service (docs/RUNNERS.md, On EC2). The
                        runner does not start where it can reach a cloud's
                        metadata service: its steps could, too
  --notice-file FILE    drain when it appears: {"action", "time"}, written when
                        the host is about to end
  --busy-file FILE      made while a job runs, removed afterwards
  --drain-ms MS         on SIGTERM, let attempts run on for so long (default:
                        ${DRAIN_DEFAULT_MS})
  --exit-with-parent    stop everything when standard input closes
  --server-from-parent  read {"url", "tokenFile"} as a first line of standard
                        input; for a parent that starts both
  --json                one JSON line for each event on standard output
  -h, --help            this

Exit codes: 0 drained, or its one job has ended; 1 it could not start now, as
with a full disk or a taken port; 2 it could not be run: wrong usage, or a token
that the control plane refuses.

Examples:
  baton runner --url http://127.0.0.1:4800 --token-file runner-token
  baton runner --url https://ci.example.com --token-file token --pool gpu
  baton runner --url https://ci.example.com --token-file token --ephemeral
`;

/** Reads the arguments. Throws UsageError in one line. */
export function parseRunnerOptions(args: readonly string[]): RunnerOptions {
  const values = parseValues(args);
  const pools = values.pool ?? ["default"];
  if (pools.length > POOLS_PER_SESSION_MAX) throw new UsageError(`--pool: at most ${POOLS_PER_SESSION_MAX} pools`);
  const odd = pools.find((pool) => !NAME_PATTERN.test(pool));
  if (odd !== undefined)
    throw new UsageError(`--pool: "${odd}" is not a pool's name: 1 to 64 letters, digits, . _ or -`);
  const ephemeral = values.ephemeral ?? false;
  if (ephemeral && values.slots !== undefined && values.slots !== "1")
    throw new UsageError("--ephemeral: a runner of one job has one slot");
  if (ephemeral && values["keep-workspace"]) throw new UsageError("--ephemeral: its workspace cannot be kept");
  if (values["forget-token"] && values["token-file"] === undefined)
    throw new UsageError("--forget-token: there is no --token-file to remove");
  if (values["metrics-token-file"] !== undefined && values["metrics-port"] === undefined)
    throw new UsageError("--metrics-token-file: there is no --metrics-port that would need it");
  const sessionFile = values["session-file"] === undefined ? undefined : resolve(values["session-file"]);
  if (sessionFile !== undefined && values["token-file"] !== undefined)
    throw new UsageError("--session-file: a runner with a session takes no --token-file");
  if (sessionFile !== undefined && !ephemeral)
    throw new UsageError("--session-file: needs --ephemeral, it is for one job");
  const name = values.name ?? hostname();
  if (name.length === 0 || name.length > NAME_LENGTH_MAX)
    throw new UsageError(`--name: 1 to ${NAME_LENGTH_MAX} characters`);
  return {
    url: values.url,
    tokenFile: values["token-file"],
    pools: [...new Set(pools)],
    slots: slotsOf(values.slots, ephemeral),
    name,
    workDir: values["work-dir"] === undefined ? undefined : resolve(values["work-dir"]),
    allowSources: (values["allow-source"] ?? []).map((path) => resolve(path)),
    secretsFile: values["secrets-file"] === undefined ? undefined : resolve(values["secrets-file"]),
    passEnv: values["pass-env"] ?? [],
    sandbox: sandboxOf(values.sandbox),
    hide: (values.hide ?? []).map((path) => resolve(path)),
    readOnly: (values["read-only"] ?? []).map((path) => resolve(path)),
    expose: (values.expose ?? []).map((path) => resolve(path)),
    keepWorkspace: values["keep-workspace"] ?? false,
    metricsPort: integer(values["metrics-port"], "metrics-port", 0, 65_535),
    metricsTokenFile: values["metrics-token-file"] === undefined ? undefined : resolve(values["metrics-token-file"]),
    exitWithParent: values["exit-with-parent"] ?? false,
    serverFromParent: values["server-from-parent"] ?? false,
    drainMs: integer(values["drain-ms"], "drain-ms", 0, DRAIN_MAX_MS) ?? DRAIN_DEFAULT_MS,
    poll: pollOf(values.poll),
    ephemeral,
    forgetToken: values["forget-token"] ?? false,
    sessionFile,
    noticeFile: values["notice-file"] === undefined ? undefined : resolve(values["notice-file"]),
    busyFile: values["busy-file"] === undefined ? undefined : resolve(values["busy-file"]),
    json: values.json ?? false,
  };
}

function slotsOf(text: string | undefined, ephemeral: boolean): number {
  if (ephemeral) return 1;
  return integer(text, "slots", 1, SLOTS_MAX) ?? Math.min(availableParallelism(), SLOTS_MAX);
}

function pollOf(text = "queue"): "queue" | "api" {
  if (text === "queue" || text === "api") return text;
  throw new UsageError(`--poll: "${text}" is neither queue nor api`);
}

function sandboxOf(text = "off"): RunnerOptions["sandbox"] {
  if (text === "on" || text === "off" || text === "auto") return text;
  throw new UsageError(`--sandbox: "${text}" is none of on, off and auto`);
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        url: { type: "string" },
        "token-file": { type: "string" },
        pool: { type: "string", multiple: true },
        slots: { type: "string" },
        name: { type: "string" },
        "work-dir": { type: "string" },
        "allow-source": { type: "string", multiple: true },
        "secrets-file": { type: "string" },
        "pass-env": { type: "string", multiple: true },
        sandbox: { type: "string" },
        hide: { type: "string", multiple: true },
        "read-only": { type: "string", multiple: true },
        expose: { type: "string", multiple: true },
        "keep-workspace": { type: "boolean" },
        "metrics-port": { type: "string" },
        "metrics-token-file": { type: "string" },
        "drain-ms": { type: "string" },
        "exit-with-parent": { type: "boolean" },
        "server-from-parent": { type: "boolean" },
        poll: { type: "string" },
        ephemeral: { type: "boolean" },
        "forget-token": { type: "boolean" },
        "session-file": { type: "string" },
        "notice-file": { type: "string" },
        "busy-file": { type: "string" },
        json: { type: "boolean" },
      },
    }).values;
  } catch (cause) {
    const message = messageOf(cause);
    const several = systemCode(cause) === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL" ? SEVERAL : "";
    throw new UsageError(`${message}${several} (--help shows what is possible)`, { cause });
  }
}

function integer(text: string | undefined, option: string, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`--${option}: "${text}" is not a whole number from ${min} to ${max}`);
  return value;
}
