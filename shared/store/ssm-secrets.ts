import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  type GetParametersByPathCommandOutput,
  ParameterNotFound,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { attachMeter, type RequestMeter } from "../lib/request-meter.ts";
import { parametersRoot } from "../resources.ts";
import type { SecretStore } from "./secret-store.ts";

/**
 * Secrets in SSM's Parameter Store, as SecureStrings under `/baton/<tenant>/`, encrypted with the account's own key for
 * SSM: standard parameters cost nothing. https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html
 */
export function makeSsmSecrets(client: SSMClient, tenant: string): SecretStore {
  const root = parametersRoot(tenant);

  /** All that lies below a folder, by path, 10 parameters a page. Not decrypted, their values mean nothing. */
  const findBelow = async (folder: string, WithDecryption: boolean) => {
    const found: { path: string; value: string; updatedAtMs: number }[] = [];
    let NextToken: string | undefined;
    do {
      const page: GetParametersByPathCommandOutput = await client.send(
        new GetParametersByPathCommand({ Path: root + folder, Recursive: true, WithDecryption, NextToken }),
      );
      for (const { Name = "", Value = "", LastModifiedDate } of page.Parameters ?? [])
        found.push({ path: Name.slice(root.length), value: Value, updatedAtMs: LastModifiedDate?.getTime() ?? 0 });
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  };

  return {
    async put(path, value) {
      const input = { Name: root + path, Value: value, Type: "SecureString" as const, Overwrite: true };
      try {
        await client.send(new PutParameterCommand(input));
      } catch (error) {
        // Without `cause`, which is logged: AWS quotes what it finds invalid.
        throw new Error(`SSM did not keep ${root + path}: ${error instanceof Error ? error.name : "unknown error"}`);
      }
    },
    read: (path) =>
      unlessMissing(undefined, async () => {
        const { Parameter } = await client.send(new GetParameterCommand({ Name: root + path, WithDecryption: true }));
        return Parameter?.Value;
      }),
    readAll: async (folder) => new Map((await findBelow(folder, true)).map(({ path, value }) => [path, value])),
    list: async (folder) => (await findBelow(folder, false)).map(({ path, updatedAtMs }) => ({ path, updatedAtMs })),
    remove: (path) =>
      unlessMissing(false, async () => {
        await client.send(new DeleteParameterCommand({ Name: root + path }));
        return true;
      }),
  };
}

/** Throttled at tens of requests a second, all of an account's together: it is worth to wait. */
const TRIES_MAX = 8;

export function makeSsmClient(endpoint: string | undefined, meter: RequestMeter): SSMClient {
  const client = new SSMClient({ ...(endpoint === undefined ? {} : { endpoint }), maxAttempts: TRIES_MAX });
  attachMeter(client, "SSM", meter);
  return client;
}

async function unlessMissing<T>(missing: T, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ParameterNotFound) return missing;
    throw error;
  }
}
