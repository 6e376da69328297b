import { systemClock } from "../shared/lib/clock.ts";
import { once } from "../shared/lib/once.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import type { SecretStore } from "../shared/store/secret-store.ts";
import type { Environment } from "./environment.ts";

/** The store of secrets that the environment names. Loaded with the first call: most invocations never ask for one. */
export function openSecrets(environment: Environment, meter: RequestMeter): SecretStore {
  const open = once(() => load(environment, meter));
  return {
    put: async (path, value) => (await open()).put(path, value),
    read: async (path) => (await open()).read(path),
    readAll: async (folder) => (await open()).readAll(folder),
    list: async (folder) => (await open()).list(folder),
    remove: async (path) => (await open()).remove(path),
  };
}

async function load(environment: Environment, meter: RequestMeter): Promise<SecretStore> {
  const { BATON_SECRETS: where, BATON_TENANT: tenant } = environment;
  if (where === "ssm") {
    const { makeSsmClient, makeSsmSecrets } = await import("../shared/store/ssm-secrets.ts");
    return makeSsmSecrets(makeSsmClient(environment.AWS_ENDPOINT_URL_SSM, meter), tenant);
  }
  const { makeFileSecrets } = await import("../shared/store/file-secrets.ts");
  const file = where.slice("file:".length);
  return makeFileSecrets({ file, keyFile: `${file}-key`, tenant, clock: systemClock });
}
