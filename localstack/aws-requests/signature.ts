import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type AwsRequest, headerOf, queryOf, type Refusal } from "./refusal.ts";

/**
 * Signature Version 4, as S3 and SQS check it: headers or a presigned link
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). The embedded server checks
 * none, so without this a link would grant any method, length and content, and everybody the queues.
 */

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const CLOCK_SKEW_MS = 15 * 60_000;
const EXPIRES_SECONDS_MAX = 604_800;

interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly amzDate: string;
  /** Present on a link alone. */
  readonly expiresSeconds?: number;
}

/**
 * Undefined where the request is signed by these credentials and in time. `payloadSha256`: in hex, of services that sign
 * the body itself; S3 signs what a header says of it.
 */
export function refuseSignature(
  request: AwsRequest,
  credentials: Credentials,
  nowMs: number,
  payloadSha256 = headerOf(request, "x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD",
): Refusal | undefined {
  const claim = readClaim(request);
  if (claim === undefined) return denied("Anonymous access is forbidden for this operation");
  if (claim.accessKeyId !== credentials.accessKeyId)
    return refusal("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
  const late = refuseTime(claim, nowMs);
  if (late !== undefined) return late;
  const unsigned = unsignedHeader(request, claim);
  if (unsigned !== undefined)
    return denied(`There were headers present in the request which were not signed: ${unsigned}`);
  if (!sameText(signatureOf(request, claim, credentials, payloadSha256), claim.signature))
    return refusal(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided.",
    );
  return undefined;
}

/** Whose signature the request says to have; undefined where it has none. */
export const claimedKeyId = (request: AwsRequest): string | undefined => readClaim(request)?.accessKeyId;

function readClaim(request: AwsRequest): Claim | undefined {
  const query = new Map(queryOf(request));
  if (query.get("X-Amz-Algorithm") === ALGORITHM) {
    return claimOf({
      credential: query.get("X-Amz-Credential"),
      signedHeaders: query.get("X-Amz-SignedHeaders"),
      signature: query.get("X-Amz-Signature"),
      amzDate: query.get("X-Amz-Date"),
      expiresSeconds: Number(query.get("X-Amz-Expires")),
    });
  }
  const authorization = headerOf(request, "authorization") ?? "";
  if (!authorization.startsWith(`${ALGORITHM} `)) return undefined;
  const part = (name: string) => new RegExp(`${name}=([^,\\s]+)`).exec(authorization)?.[1];
  return claimOf({
    credential: part("Credential"),
    signedHeaders: part("SignedHeaders"),
    signature: part("Signature"),
    amzDate: headerOf(request, "x-amz-date"),
  });
}

function claimOf(parts: {
  credential: string | undefined;
  signedHeaders: string | undefined;
  signature: string | undefined;
  amzDate: string | undefined;
  expiresSeconds?: number;
}): Claim | undefined {
  const [accessKeyId, date, region, service] = parts.credential?.split("/") ?? [];
  const { signedHeaders, signature, amzDate, expiresSeconds } = parts;
  if (accessKeyId === undefined || date === undefined || region === undefined || service === undefined)
    return undefined;
  if (signedHeaders === undefined || signature === undefined || amzDate === undefined) return undefined;
  return {
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: signedHeaders.split(";"),
    signature,
    amzDate,
    ...(expiresSeconds === undefined ? {} : { expiresSeconds }),
  };
}

function refuseTime(claim: Claim, nowMs: number): Refusal | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.amzDate);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? []).slice(1).map(Number);
  const signedAtMs = match === null ? Number.NaN : Date.UTC(year, month - 1, day, hour, minute, second);
  if (Number.isNaN(signedAtMs) || !claim.amzDate.startsWith(claim.date))
    return denied("The request's date is not valid");
  if (signedAtMs > nowMs + CLOCK_SKEW_MS) return denied("Request is not valid yet");
  if (claim.expiresSeconds === undefined) {
    if (signedAtMs >= nowMs - CLOCK_SKEW_MS) return undefined;
    return refusal(
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
    );
  }
  if (!(claim.expiresSeconds > 0 && claim.expiresSeconds <= EXPIRES_SECONDS_MAX))
    return { status: 400, code: "AuthorizationQueryParametersError", message: "X-Amz-Expires is out of range" };
  return nowMs > signedAtMs + claim.expiresSeconds * 1_000 ? denied("Request has expired") : undefined;
}

/** AWS demands a signature over the host and over each x-amz- header that is sent. */
function unsignedHeader(request: AwsRequest, claim: Claim): string | undefined {
  const needed = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  return needed.find((name) => !claim.signedHeaders.includes(name));
}

function signatureOf(request: AwsRequest, claim: Claim, credentials: Credentials, payloadSha256: string): string {
  const canonical = canonicalRequest(request, claim, payloadSha256);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const text = [ALGORITHM, claim.amzDate, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  let key: Buffer | string = `AWS4${credentials.secretAccessKey}`;
  for (const part of [claim.date, claim.region, claim.service, "aws4_request"])
    key = createHmac("sha256", key).update(part).digest();
  return createHmac("sha256", key).update(text).digest("hex");
}

function canonicalRequest(request: AwsRequest, claim: Claim, payloadSha256: string): string {
  const end = request.url.indexOf("?");
  const query = queryOf(request)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${escapeUri(name)}=${escapeUri(value)}`)
    .sort((a, b) => (a < b ? -1 : 1));
  const headers = claim.signedHeaders.map((name) => `${name}:${trimmed(headerOf(request, name) ?? "")}\n`);
  return [
    request.method,
    end < 0 ? request.url : request.url.slice(0, end),
    query.join("&"),
    headers.join(""),
    claim.signedHeaders.join(";"),
    payloadSha256,
  ].join("\n");
}

/** RFC 3986, as SigV4 has it: stricter than encodeURIComponent. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

const trimmed = (value: string): string => value.trim().replace(/ +/g, " ");
const refusal = (code: string, message: string): Refusal => ({ status: 403, code, message });
const denied = (message: string): Refusal => refusal("AccessDenied", message);

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
