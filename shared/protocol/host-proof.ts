import { z } from "zod";
import { HOST_PROOF_MS } from "../domain/limits.ts";
import { parseJson } from "../lib/parse-json.ts";

/**
 * How an EC2 host proves who it is, without a secret of ours: what is variable of a `sts:GetCallerIdentity` that its
 * instance's credentials signed. The control plane makes the request of it, and STS says whose signature it is
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html). All else is fixed here, so a proof
 * names no host, no action, no header and no time to live.
 */

const PREFIX = "baton-host-v1.";
/** A proof with the longest session token, as base64url. */
const PROOF_LENGTH_MAX = 8_192;
/** Signed with the request: a proof that was made for one control plane is worth nothing at another. */
export const SERVER_HEADER = "x-baton-server";

/** Where STS is, to who signs and who sends: the host is signed, too. */
export const regionalSts = (region: string): string =>
  `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;

const hostProof = z.strictObject({
  accessKeyId: z.string().regex(/^\w{16,128}$/),
  /** `20260102T030405Z`. */
  amzDate: z.string().regex(/^\d{8}T\d{6}Z$/),
  /** Of a role: the credentials of a user have none, and prove no host. */
  sessionToken: z.string().regex(/^[\x21-\x7e]{1,4096}$/),
  /** In one spelling, so that it is spent once. */
  signature: z.string().regex(/^[0-9a-f]{64}$/),
});
export type HostProof = z.infer<typeof hostProof>;

/** The bearer token that `openSession` takes in place of a runner token. */
export const tokenOfProof = (proof: HostProof): string =>
  PREFIX + Buffer.from(JSON.stringify(proof)).toString("base64url");

export const isHostProof = (token: string): boolean => token.startsWith(PREFIX);

/** Undefined where it is no proof. */
export function proofOfToken(token: string): HostProof | undefined {
  if (token.length > PROOF_LENGTH_MAX || !isHostProof(token)) return undefined;
  return hostProof.safeParse(parseJson(Buffer.from(token.slice(PREFIX.length), "base64url").toString())).data;
}

/** When the proof was signed, on the wall clock; not a number where there is no such time. */
export function signedAtMs({ amzDate }: Pick<HostProof, "amzDate">): number {
  return Date.parse(amzDate.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
}

/** The query that is signed, all but the signature itself; in the order of its names. */
export function proofQuery(
  { accessKeyId, amzDate, sessionToken }: Omit<HostProof, "signature">,
  region: string,
): readonly (readonly [string, string])[] {
  return [
    ["Action", "GetCallerIdentity"],
    ["Version", "2011-06-15"],
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${accessKeyId}/${amzDate.slice(0, 8)}/${region}/sts/aws4_request`],
    ["X-Amz-Date", amzDate],
    ["X-Amz-Expires", String(HOST_PROOF_MS / 1_000)],
    ["X-Amz-Security-Token", sessionToken],
    ["X-Amz-SignedHeaders", `host;${SERVER_HEADER}`],
  ];
}
