import type { Clock } from "../../shared/lib/clock.ts";
import { exchangeOverHttp } from "../../shared/lib/http-call.ts";

/** Link-local: it answers in milliseconds or not at all. */
const TIMEOUT_MS = 2_000;
const TOKEN_SECONDS = 21_600;
/** When of its life the session token is renewed. */
const RENEW_SHARE = 0.8;

/**
 * An EC2 instance's metadata by IMDSv2, which asks for a session token first
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html). Version 1 is never tried.
 */
export interface InstanceMetadata {
  /** The text at a path below `/latest/meta-data/`; undefined where there is none. Throws where the service does not answer. */
  read(path: string): Promise<string | undefined>;
}

export function openInstanceMetadata(url: string, clock: Clock): InstanceMetadata {
  let token: { readonly text: string; readonly renewAtMs: number } | undefined;

  async function sessionToken(): Promise<string> {
    if (token !== undefined && clock.monotonicMs() < token.renewAtMs) return token.text;
    const headers = { "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) };
    const { status, text } = await exchange("PUT", `${url}/latest/api/token`, headers);
    if (status !== 200) throw new Error(`the instance's metadata service gave no session token: ${status}`);
    token = { text, renewAtMs: clock.monotonicMs() + TOKEN_SECONDS * 1_000 * RENEW_SHARE };
    return text;
  }

  return {
    async read(path) {
      const headers = { "x-aws-ec2-metadata-token": await sessionToken() };
      const { status, text } = await exchange("GET", `${url}/latest/meta-data/${path}`, headers);
      if (status === 404) return undefined;
      if (status === 200) return text;
      token = undefined;
      throw new Error(`the instance's metadata service answered ${status} to ${path}`);
    },
  };
}

function exchange(method: string, url: string, headers: Readonly<Record<string, string>>) {
  return exchangeOverHttp({ method, url, headers }, AbortSignal.timeout(TIMEOUT_MS));
}
