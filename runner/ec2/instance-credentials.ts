import { z } from "zod";
import type { InstanceMetadata } from "./instance-metadata.ts";
import type { InstanceCredentials } from "./sign-proof.ts";

const FOLDER = "iam/security-credentials/";
const answer = z.object({ AccessKeyId: z.string(), SecretAccessKey: z.string(), Token: z.string() });

/** The credentials of the instance's role, as EC2 has them now. Throws where it has no role. */
export async function readInstanceCredentials(metadata: InstanceMetadata): Promise<InstanceCredentials> {
  const role = (await metadata.read(FOLDER))?.trim();
  const text = role === undefined || role === "" ? undefined : await metadata.read(FOLDER + role);
  if (text === undefined) throw new Error("this instance has no role (instance profile)");
  const { AccessKeyId, SecretAccessKey, Token } = answer.parse(JSON.parse(text));
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token };
}
