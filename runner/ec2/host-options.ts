import { parseArgs } from "node:util";
import { NAME_PATTERN } from "../../shared/domain/id-patterns.ts";
import { POOLS_PER_SESSION_MAX } from "../../shared/domain/limits.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { UsageError } from "../options.ts";

/** What the host's service is told. */
export interface HostOptions {
  readonly url: string;
  readonly pools: readonly string[];
  readonly poll: "queue" | "api";
  /** A program that keeps steps from the metadata service: without its success there is no session. */
  readonly wall: string | undefined;
  /** A path to listen at; where systemd started this for its socket, that one (sd_listen_fds(3)). */
  readonly socket: string | { readonly fd: number };
  readonly noticeFile: string;
  readonly busyFile: string;
  /** Where the instance's metadata is. */
  readonly metadataUrl: string;
  /** Where the control plane asks STS, if not at the region's own. */
  readonly stsUrl: string | undefined;
}

/** Link-local, on every instance (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html). */
const METADATA_URL = "http://169.254.169.254";

const FIRST_INHERITED_FD = 3;

/** Throws UsageError in one line. */
export function readHostOptions(args: readonly string[], env: NodeJS.ProcessEnv): HostOptions {
  const {
    socket = inheritedSocket(env),
    wall,
    "notice-file": noticeFile,
    "busy-file": busyFile,
    pool: pools = ["default"],
    poll,
  } = valuesOf(args);
  const url = env["BATON_URL"];
  if (url === undefined || !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`BATON_URL: "${url ?? ""}" is not an http or https URL`);
  if (socket === undefined || noticeFile === undefined || busyFile === undefined)
    throw new UsageError("--socket, --notice-file and --busy-file are needed");
  if (pools.length > POOLS_PER_SESSION_MAX || !pools.every((pool) => NAME_PATTERN.test(pool)))
    throw new UsageError(`--pool: up to ${POOLS_PER_SESSION_MAX} names of 1 to 64 letters, digits, . _ or -`);
  if (poll !== "queue" && poll !== "api") throw new UsageError(`--poll: "${poll}" is neither queue nor api`);
  return {
    url,
    pools: [...new Set(pools)],
    poll,
    wall,
    socket,
    noticeFile,
    busyFile,
    metadataUrl: env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? METADATA_URL,
    stsUrl: env["AWS_ENDPOINT_URL_STS"],
  };
}

function inheritedSocket(env: NodeJS.ProcessEnv): { readonly fd: number } | undefined {
  return env["LISTEN_FDS"] === "1" && env["LISTEN_PID"] === String(process.pid)
    ? { fd: FIRST_INHERITED_FD }
    : undefined;
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        pool: { type: "string", multiple: true },
        poll: { type: "string", default: "queue" },
        socket: { type: "string" },
        wall: { type: "string" },
        "notice-file": { type: "string" },
        "busy-file": { type: "string" },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}
