import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import { showInvisible } from "../../shared/lib/invisible.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { regionalSts, tokenOfProof } from "../../shared/protocol/host-proof.ts";
import type { Session } from "../../shared/protocol/leases.ts";
import { bootClock } from "../boot-clock.ts";
import { UsageError } from "../options.ts";
import { giveSessions } from "./give-sessions.ts";
import { type HostOptions, readHostOptions } from "./host-options.ts";
import { readInstanceCredentials } from "./instance-credentials.ts";
import { type InstanceMetadata, openInstanceMetadata } from "./instance-metadata.ts";
import { signProof } from "./sign-proof.ts";
import { watchInstance } from "./watch-instance.ts";

const DONE = 0;
/** The instance's metadata does not answer yet: systemd starts this again. */
const NOT_NOW = 1;
const UNUSABLE = 2;
/** Below the time that systemd gives a start. */
const SESSION_TIMEOUT_MS = 20_000;
const WALL_TIMEOUT_MS = 10_000;

/**
 * The service of root's beside the runner on an EC2 instance (baton-host.service): alone it reaches the instance's metadata. It
 * opens a session for each start of the runner by a proof of who the instance is, hands spot notices over, and sets
 * scale-in protection. Answers the exit code when SIGTERM or SIGINT came.
 */
export async function hostMain(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await serveHost(readHostOptions(args, env));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(error.message);
    return error instanceof UsageError ? UNUSABLE : NOT_NOW;
  }
}

async function serveHost(options: HostOptions): Promise<number> {
  const metadata = openInstanceMetadata(options.metadataUrl, bootClock);
  const [region, instanceId] = await Promise.all([metadata.read("placement/region"), metadata.read("instance-id")]);
  if (region === undefined || instanceId === undefined) throw new Error("the metadata names no instance");
  const { noticeFile, busyFile, socket } = options;
  const instance = watchInstance({ metadata, region, instanceId, noticeFile, busyFile, say });
  const sessions = await giveSessions({ socket, open: sessionOpener(options, metadata, { region, instanceId }), say });
  say(`${instanceId} gives sessions of ${options.pools.join(", ")}`);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  sessions.close();
  await instance.close();
  return DONE;
}

/** One try: who waits for it comes again, with another proof. */
function sessionOpener(
  { url, pools, poll, stsUrl, wall }: HostOptions,
  metadata: InstanceMetadata,
  { region, instanceId }: { readonly region: string; readonly instanceId: string },
): () => Promise<Session> {
  const place = { region, audience: new URL(url).host, stsHost: new URL(stsUrl ?? regionalSts(region)).host };
  return async () => {
    if (wall !== undefined) await promisify(execFile)(wall, [], { timeout: WALL_TIMEOUT_MS });
    const proof = signProof(await readInstanceCredentials(metadata), place, bootClock.nowMs());
    const client = makeClient({ url, token: tokenOfProof(proof), exchange: exchangeOverHttp });
    const body = {
      name: instanceId,
      pools: [...pools],
      slots: 1,
      ephemeral: true,
      ...(poll === "api" ? { poll } : {}),
    };
    return client.call("openSession", { body }, { timeoutMs: SESSION_TIMEOUT_MS });
  };
}

const say = (line: string): void =>
  void process.stderr.write(`baton host: ${showInvisible(line.replace(/\p{Cc}+/gu, " "))}\n`);
