import { createHmac, timingSafeEqual } from "node:crypto";

/** What an unknown project is compared with: nobody has it, and the work is the same. */
const NOBODYS = "no secret";
const SECRETS_MAX = 2;
const SIGNATURE = /^sha256=([0-9a-f]{64})$/;

/**
 * Whether a body bears the signature of one of the valid secrets: `X-Hub-Signature-256`, an HMAC-SHA256 over the raw bytes
 * (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries). Both secrets are always compared, in
 * constant time, also where there is one or none: what it takes tells nothing (SECURITY 17).
 */
export function isSignedBy(secrets: readonly string[], body: Buffer, header: string | undefined): boolean {
  const digits = SIGNATURE.exec(header ?? "")?.[1];
  const given = Buffer.from(digits ?? "0".repeat(64), "hex");
  let holds = false;
  for (let nth = 0; nth < SECRETS_MAX; nth += 1) {
    const secret = secrets[nth];
    const wanted = createHmac("sha256", secret ?? NOBODYS)
      .update(body)
      .digest();
    const equal = given.length === wanted.length && timingSafeEqual(given, wanted);
    holds = (equal && secret !== undefined && secret !== "" && digits !== undefined) || holds;
  }
  return holds;
}
