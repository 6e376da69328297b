import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { InstanceCredentials } from "../../runner/ec2/sign-proof.ts";
import { eventually } from "./eventually.ts";
import { type Answer, type Heard, type HttpRecorder, startHttpRecorder } from "./http-recorder.ts";
import { startProgram } from "./start-program.ts";

/** Root's service on an EC2 instance, a real process, and the instance's metadata that it asks. */

const MAIN = fileURLToPath(new URL("../../runner/ec2/main.ts", import.meta.url));
const IMDS_TOKEN = "imds-session";

export interface Metadata extends HttpRecorder {
  notice: string | undefined;
}

const CREDENTIALS: InstanceCredentials = {
  accessKeyId: "ASIAINSTANCEINSTANCE",
  secretAccessKey: "secret",
  sessionToken: "token",
};

/** What an instance's metadata answers, by IMDSv2 alone. */
export function metadataAnswer(
  { method, path, headers }: Pick<Heard, "method" | "path" | "headers">,
  instance: {
    readonly credentials?: InstanceCredentials;
    readonly instanceId?: string;
    readonly notice?: string | undefined;
  },
): Answer {
  const { credentials = CREDENTIALS, instanceId = "i-1", notice } = instance;
  if (method === "PUT" && path === "/latest/api/token")
    return Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]) > 0
      ? { status: 200, body: IMDS_TOKEN }
      : { status: 400 };
  if (headers["x-aws-ec2-metadata-token"] !== IMDS_TOKEN) return { status: 401 };
  const text = {
    "/latest/meta-data/placement/region": "eu-central-1",
    "/latest/meta-data/instance-id": instanceId,
    "/latest/meta-data/spot/instance-action": notice,
    "/latest/meta-data/iam/security-credentials/": "runner-role",
    "/latest/meta-data/iam/security-credentials/runner-role": JSON.stringify({
      Code: "Success",
      Type: "AWS-HMAC",
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      Token: credentials.sessionToken,
      Expiration: new Date(4_000_000_000_000).toISOString(),
    }),
  }[path];
  return text === undefined ? { status: 404 } : { status: 200, body: text };
}

/** An instance's metadata on loopback. `credentials`: of its role. */
export async function startMetadata(credentials = CREDENTIALS, instanceId = "i-1"): Promise<Metadata> {
  const state = { notice: undefined as string | undefined };
  const recorder = await startHttpRecorder((heard) =>
    metadataAnswer(heard, { credentials, instanceId, notice: state.notice }),
  );
  return Object.assign(state, recorder);
}

export interface HostService {
  readonly socket: string;
  readonly noticeFile: string;
  readonly busyFile: string;
  said(): string;
  /** What the socket gives to one that connects, as systemd does. */
  take(): Promise<string>;
  stop(): Promise<number | undefined>;
}

export async function startHostService(options: {
  readonly folder: string;
  readonly url: string;
  readonly metadata: Metadata;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<HostService> {
  const [socket = "", noticeFile = "", busyFile = ""] = ["session", "notice", "busy"].map((name) =>
    join(options.folder, name),
  );
  const args = [MAIN, "--socket", socket, "--notice-file", noticeFile, "--busy-file", busyFile, "--pool", "default"];
  const program = startProgram(process.execPath, args, {
    cwd: options.folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      BATON_URL: options.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: options.metadata.url,
      ...options.env,
    },
  });
  await eventually("the host's service gives sessions", () => program.said().includes("gives sessions"), 30_000);
  return {
    socket,
    noticeFile,
    busyFile,
    said: program.said,
    take: () => readSocket(socket),
    stop() {
      program.signal("SIGTERM");
      return program.exited;
    },
  };
}

/** What a socket gives to one that connects, as systemd reads credentials: it says at once that it sends nothing. */
export function readSocket(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    connect({ path, allowHalfOpen: true })
      .end()
      .setEncoding("utf8")
      .on("data", (part) => {
        text += String(part);
      })
      .once("error", reject)
      .once("end", () => resolve(text));
  });
}
