import { createHash, createHmac } from "node:crypto";
import { type HostProof, proofQuery, SERVER_HEADER } from "../../shared/protocol/host-proof.ts";

/** What EC2 gives an instance of its role. */
export interface InstanceCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** What a proof is for: one control plane, and the STS that it asks. */
export interface ProofPlace {
  readonly region: string;
  /** Host, and port, of the control plane's URL. */
  readonly audience: string;
  readonly stsHost: string;
}

/**
 * Signs a `sts:GetCallerIdentity` as Signature Version 4 has it for links
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
export function signProof(credentials: InstanceCredentials, place: ProofPlace, nowMs: number): HostProof {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const amzDate = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const query = proofQuery({ accessKeyId, amzDate, sessionToken }, place.region);
  const canonical = [
    "GET",
    "/",
    query.map(([name, value]) => `${escapeUri(name)}=${escapeUri(value)}`).join("&"),
    `host:${place.stsHost}\n${SERVER_HEADER}:${place.audience}\n`,
    `host;${SERVER_HEADER}`,
    sha256(""),
  ].join("\n");
  const scope = [amzDate.slice(0, 8), place.region, "sts", "aws4_request"];
  const text = ["AWS4-HMAC-SHA256", amzDate, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<Buffer | string>(hmac, `AWS4${secretAccessKey}`);
  return { accessKeyId, amzDate, sessionToken, signature: hmac(key, text).toString("hex") };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** RFC 3986, as SigV4 has it: stricter than encodeURIComponent. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
