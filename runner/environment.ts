import { userInfo } from "node:os";
import { join } from "node:path";
import { homeFolder } from "../shared/lib/home-folder.ts";
import { withUsersProxies } from "../shared/lib/loopback-direct.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import type { HostEnvironment } from "./step-environment.ts";

/** What a runner takes from its environment, read once. */
export interface RunnerEnvironment {
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly workDir: string;
  /** The user's homes, by the environment and by the user database, without what is no home. */
  readonly homes: readonly string[];
  /** Baton's own settings of this user. */
  readonly configDir: string;
  /** Node's own cache of compiled code (NODE_COMPILE_CACHE), for the watchdogs too. */
  readonly compileCache: string | undefined;
  /** A certificate that Node trusts besides its own (NODE_EXTRA_CA_CERTS): watchdogs call the same control plane. */
  readonly extraCaCerts: string | undefined;
  /** Where an EC2 instance's metadata is, by the SDK's own variable. */
  readonly metadataUrls: readonly string[];
  readonly host: HostEnvironment;
}

const PATH_DEFAULT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_DEFAULT = "baton-runner";
/** Link-local, on every instance (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html). */
const METADATA_URLS = ["http://169.254.169.254", "http://[fd00:ec2::254]"];

export function readRunnerEnvironment(passEnv: readonly string[]): RunnerEnvironment {
  const env = withUsersProxies(process.env);
  const passed = passEnv.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const metadataUrl = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
  return {
    url: env["BATON_URL"],
    token: env["BATON_TOKEN"],
    workDir: join(env["XDG_CACHE_HOME"] ?? join(homeFolder(), ".cache"), "baton", "runner"),
    homes: [...new Set([homeFolder(), userHome() ?? homeFolder()])].filter((home) => home !== "/"),
    configDir: join(env["XDG_CONFIG_HOME"] ?? join(homeFolder(), ".config"), "baton"),
    compileCache: env["NODE_COMPILE_CACHE"],
    extraCaCerts: env["NODE_EXTRA_CA_CERTS"],
    metadataUrls: metadataUrl === undefined ? METADATA_URLS : [metadataUrl],
    host: {
      path: env["PATH"] ?? PATH_DEFAULT,
      lang: env["LANG"] ?? "C.UTF-8",
      user: userName(),
      passed: Object.fromEntries(passed),
      outerCookie: env["BATON_ATTEMPT"],
    },
  };
}

function userHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch (error) {
    if (systemCode(error) !== "ERR_SYSTEM_ERROR") throw error;
    return undefined;
  }
}

/** The user's name; a container's user may have a number alone. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (systemCode(error) !== "ERR_SYSTEM_ERROR") throw error;
    return USER_DEFAULT;
  }
}
