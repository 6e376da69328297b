import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { RequestError } from "@octokit/request-error";
import { ForgeError } from "../../../shared/usecases/forge.ts";

/**
 * The word of an App by which GitHub makes it a token: RS256, ten minutes at most, by GitHub's own clock
 * (https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app).
 */

/** It begins before now and ends before it must, so that clocks may differ by some minutes in either direction. */
const BEFORE_S = 270;
const LIFE_S = 570;

export function parsePrivateKey(privateKey: string): KeyObject {
  try {
    return createPrivateKey(privateKey.replaceAll("\\n", "\n"));
  } catch {
    // What could not be read is not quoted.
    throw new ForgeError("the App's private key cannot be read: give it again", { status: 401, kind: "mendable" });
  }
}

/** `nowMs` is GitHub's time, as far as it is known. */
export function makeAppJwt(
  appId: number,
  key: KeyObject,
  nowMs: number,
): { readonly jwt: string; readonly expiresAt: string } {
  const iat = Math.floor(nowMs / 1_000) - BEFORE_S;
  const exp = iat + LIFE_S;
  const text = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ iat, exp, iss: appId })}`;
  const signature = sign("RSA-SHA256", Buffer.from(text), key).toString("base64url");
  return { jwt: `${text}.${signature}`, expiresAt: new Date(exp * 1_000).toISOString() };
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

/** By how much GitHub's clock is ahead of ours; kept for all projects of one server. */
export interface Skew {
  ms: number;
}

const UNTIMELY = /'(?:Expiration time|Issued at)' claim \('(exp|iat)'\)( is too far in the future)?/;
/** What is tried where GitHub names no time: nearly what one of its words may live. */
const GUESS_MS = 9 * 60_000;
/** `Date` tells seconds, and answers take time. */
const PRECISION_MS = 2_000;

/**
 * The skew with which to try again, by the refusal of a word that is too early or too late; undefined of any other. Of those that
 * were tried, the first was known before. A proxy may have put a time of its own into the answer: then ours holds, or a guess.
 */
export function correctedSkew(error: unknown, tried: readonly number[], nowMs: number): number | undefined {
  if (!(error instanceof RequestError) || error.status !== 401) return undefined;
  const [untimely, claim, tooFar] = UNTIMELY.exec(error.message) ?? [];
  if (untimely === undefined) return undefined;
  const saidAtMs = Date.parse(String(error.response?.headers.date));
  const guessMs = claim === "iat" || tooFar !== undefined ? -GUESS_MS : GUESS_MS;
  const candidates = Number.isNaN(saidAtMs) ? [(tried.at(-1) ?? 0) + guessMs] : [saidAtMs - nowMs, 0];
  return candidates.find((candidate) => tried.every((one) => Math.abs(one - candidate) >= PRECISION_MS));
}
