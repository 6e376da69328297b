import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

/**
 * Tokens that carry their own claims: `<prefix>_<payload>.<mac>`, both base64url, the MAC an HMAC-SHA256 (RFC 2104)
 * over prefix and payload. Verifying needs no read; whether what they name still lives, only the table says.
 */
export interface Signer {
  sign(prefix: string, payload: object): string;
  /** The payload, unparsed; undefined where the token is not one of ours. */
  verify(prefix: string, token: string): unknown;
}

const TOKEN_LENGTH_MAX = 4_096;

/** The first key signs, all verify: that is how keys are rotated. Each key has 32 bytes or more. */
export function makeSigner(keys: readonly Buffer[]): Signer {
  if (keys.some((key) => key.length < 32)) throw new Error("a signing key has at least 32 bytes");
  const prepared = keys.map((key) => createSecretKey(key));
  const [first] = prepared;
  if (first === undefined) throw new Error("there is no signing key");
  return {
    sign(prefix, payload) {
      const body = Buffer.from(JSON.stringify(payload)).toString("base64url");
      return `${prefix}_${body}.${macOf(first, prefix, body).toString("base64url")}`;
    },
    verify(prefix, token) {
      if (token.length > TOKEN_LENGTH_MAX || !token.startsWith(`${prefix}_`)) return undefined;
      const [body, mac, ...rest] = token.slice(prefix.length + 1).split(".");
      if (body === undefined || mac === undefined || rest.length > 0) return undefined;
      const given = Buffer.from(mac, "base64url");
      const genuine = prepared.some((key) => equalInConstantTime(macOf(key, prefix, body), given));
      return genuine ? JSON.parse(Buffer.from(body, "base64url").toString()) : undefined;
    },
  };
}

function macOf(key: KeyObject, prefix: string, body: string): Buffer {
  return createHmac("sha256", key).update(`${prefix}.${body}`).digest();
}

/** Compares secrets without telling by its time where they differ. */
export function equalInConstantTime(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
