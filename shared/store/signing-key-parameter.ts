import { GetParameterCommand, ParameterAlreadyExists, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

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

/** SSM answers 40 requests a second, and every function that starts asks once: a burst of starts must wait its turn. */
const READ_ATTEMPTS_MAX = 8;

/** The signing key in an SSM SecureString. Throws where there is none. */
export async function readSigningKey(parameter: string, endpoint?: string): Promise<string> {
  const client = new SSMClient({ ...(endpoint === undefined ? {} : { endpoint }), maxAttempts: READ_ATTEMPTS_MAX });
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));
    if (Parameter?.Value === undefined) throw new Error(`the parameter ${parameter} has no value`);
    return Parameter.Value;
  } finally {
    client.destroy();
  }
}
