import { fileURLToPath } from "node:url";
import type { Credentials } from "./aws-requests/signature.ts";
import { AWS_REGION, BUCKET_NAME, poolQueueName, queueName, queueUrl, TABLE_NAME } from "./names.ts";
import type { StateFolder } from "./state-folder.ts";

/** Node's compiled code. Told from outside, so that it holds the program's first module too: 45 ms of a start. */
const COMPILE_CACHE = fileURLToPath(new URL("../node_modules/.cache/baton", import.meta.url));

/** What a stack process is started with: all that we have. */
export const stackProcessEnvironment = (): NodeJS.ProcessEnv => ({ NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env });

export interface Endpoints {
  readonly dynamodbUrl: string;
  /** SQS and S3. */
  readonly awsUrl: string;
}

/** What the handlers read, as a deployment would set it (functions/environment.ts). */
export function handlerEnvironment(
  endpoints: Endpoints,
  credentials: Credentials,
  folder: Pick<StateFolder, "signingKeyFile" | "secretsFile">,
  pools: readonly string[],
  sources: readonly string[],
): Readonly<Record<string, string>> {
  return {
    AWS_REGION,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    // Nobody's own profiles, and no hunt for an instance's credentials.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodbUrl,
    AWS_ENDPOINT_URL_SQS: endpoints.awsUrl,
    AWS_ENDPOINT_URL_S3: endpoints.awsUrl,
    BATON_TABLE: TABLE_NAME,
    BATON_BUCKET: BUCKET_NAME,
    BATON_TICKS_QUEUE_URL: queueUrl(endpoints.awsUrl, queueName("ticks")),
    BATON_PLANS_QUEUE_URL: queueUrl(endpoints.awsUrl, queueName("plans")),
    BATON_REPORTS_QUEUE_URL: queueUrl(endpoints.awsUrl, queueName("reports")),
    BATON_POOL_QUEUE_URL_PREFIX: queueUrl(endpoints.awsUrl, poolQueueName("")),
    BATON_POOLS: pools.join(","),
    BATON_SIGNING_KEY_FILE: folder.signingKeyFile,
    BATON_SECRETS: `file:${folder.secretsFile}`,
    BATON_RUNNER_SQS_ENDPOINT: endpoints.awsUrl,
    // On one machine it costs nothing.
    BATON_API_POLLING: "on",
    BATON_TENANT: "main",
    BATON_SOURCE_FOLDERS: JSON.stringify(sources),
    BATON_USAGE: "process",
    // One process serves everybody here.
    BATON_READING_THREAD: "on",
  };
}

/** Settings of a control plane that whoever starts an embedded one may make. */
const PASSED_ON = new Set(["BATON_FORGE_HOSTS", "BATON_SOURCE_HOSTS", "BATON_PUBLIC_URL"]);

/** The name in `BATON_PUBLIC_URL`: requests may be for it. The functions refuse one that is no URL. */
export function publicNames(): readonly string[] {
  const url = URL.parse(process.env["BATON_PUBLIC_URL"] ?? "");
  return url === null ? [] : [url.hostname.toLowerCase()];
}

/** Gives this process that environment, and of the user's own AWS and Baton settings only those that are meant for it. */
export function enterEnvironment(environment: Readonly<Record<string, string>>): void {
  const foreign = Object.keys(process.env).filter((name) => /^(AWS|BATON)_/.test(name) && !PASSED_ON.has(name));
  for (const name of foreign) delete process.env[name];
  Object.assign(process.env, environment);
}
