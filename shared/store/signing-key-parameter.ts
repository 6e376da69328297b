import { ParameterAlreadyExists, PutParameterCommand, type SSMClient } from "@aws-sdk/client-ssm";

/** Keeps a signing key in an SSM SecureString, unless there is one: of two at once, one wins. */
export async function addSigningKey(client: SSMClient, parameter: string, key: string): Promise<"made" | "kept"> {
  try {
    await client.send(new PutParameterCommand({ Name: parameter, Value: key, Type: "SecureString", Overwrite: false }));
    return "made";
  } catch (error) {
    if (error instanceof ParameterAlreadyExists) return "kept";
    throw error;
  }
}
