import { readFile } from "node:fs/promises";
import type { Environment } from "./environment.ts";

/**
 * The keys that sign sessions and leases, the first for signing: from a file, or from an SSM SecureString. Read once per
 * process, before its first call. Throws where there is none.
 */
export async function readSigningKeys(environment: KeyPlaces): Promise<Buffer[]> {
  const text = await readText(environment);
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map((line) => Buffer.from(line, "base64url"));
}

/** The one that signs. Throws where there is none. */
export async function readFirstSigningKey(environment: KeyPlaces): Promise<Buffer> {
  const [first] = await readSigningKeys(environment);
  if (first === undefined) throw new Error("there is no signing key");
  return first;
}

type KeyPlaces = Pick<Environment, "BATON_SIGNING_KEY_FILE"> & Partial<Environment>;

async function readText(environment: KeyPlaces): Promise<string> {
  const { BATON_SIGNING_KEY_FILE: file, BATON_SIGNING_KEY_PARAMETER: parameter } = environment;
  if (file !== undefined) return readFile(file, "utf8");
  if (parameter === undefined) throw new Error("neither a file nor a parameter of the signing key is named");
  // Only where it is needed: the embedded stack starts without that client.
  const { readSigningKey } = await import("../shared/store/signing-key-parameter.ts");
  return readSigningKey(parameter, environment.AWS_ENDPOINT_URL_SSM);
}
