import { z } from "zod";
import { OFFER_COPIES_MAX } from "../shared/domain/limits.ts";
import { FORGE_HOSTS_DEFAULT } from "../shared/lib/forge-hosts.ts";
import { poolName } from "../shared/protocol/ids.ts";
import { DEFAULT_POOLS } from "../shared/resources.ts";
import { isRoleArn } from "../shared/usecases/check-host.ts";

/** The functions' environment, parsed once. Secrets are named by files or parameters, never put here (SECURITY 12). */
const schema = z.object({
  AWS_REGION: z.string(),
  AWS_ENDPOINT_URL_DYNAMODB: z.url().optional(),
  AWS_ENDPOINT_URL_SQS: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  AWS_ENDPOINT_URL_SSM: z.url().optional(),
  AWS_ENDPOINT_URL_STS: z.url().optional(),
  BATON_TABLE: z.string(),
  BATON_BUCKET: z.string(),
  BATON_TICKS_QUEUE_URL: z.url(),
  BATON_PLANS_QUEUE_URL: z.url(),
  BATON_REPORTS_QUEUE_URL: z.url(),
  /** A pool's queue URL is this and the pool's name. */
  BATON_POOL_QUEUE_URL_PREFIX: z.url(),
  /** Names of the pools that have a queue, comma-separated. */
  BATON_POOLS: z
    .string()
    .default(DEFAULT_POOLS.join(","))
    .transform((names) => names.split(","))
    .pipe(z.array(poolName)),
  /** One or more keys, a line each, 32 bytes base64url; the first signs, all verify. */
  BATON_SIGNING_KEY_FILE: z.string().optional(),
  /** The same, as an SSM SecureString of this name. One of the two is given. */
  BATON_SIGNING_KEY_PARAMETER: z.string().min(1).optional(),
  /** Where secrets are: SSM's Parameter Store, or an encrypted file whose key is beside it, in `<path>-key`. */
  BATON_SECRETS: z
    .string()
    .regex(/^(ssm|file:\/.+)$/)
    .default("ssm"),
  /** Forges that this control plane may call. */
  BATON_FORGE_HOSTS: z.string().default(FORGE_HOSTS_DEFAULT.join(",")),
  /** Hosts that definitions are read from with git; the forges' own where absent. */
  BATON_SOURCE_HOSTS: z.string().optional(),
  /** Folders of this machine that definitions are read from, as a JSON array: what `baton up` serves. */
  BATON_SOURCE_FOLDERS: z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue("no JSON array of folders");
        return z.NEVER;
      }
    })
    .pipe(z.array(z.string().startsWith("/")))
    .optional(),
  /** Where people see runs: forges link there. No link where absent. */
  BATON_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** What runners are told; their own AWS default where absent. */
  BATON_RUNNER_SQS_ENDPOINT: z.url().optional(),
  /** The role that sessions get a share of, by STS. Without one, see functions/runner-sqs.ts. */
  BATON_RUNNER_ROLE_ARN: z.string().startsWith("arn:").optional(),
  /** Roles whose EC2 instances open sessions by a proof: `ARN|POOL,POOL`, by spaces. */
  BATON_HOST_ROLES: z
    .string()
    .transform((text) => text.split(" ").map(hostRole))
    .pipe(z.array(z.object({ arn: z.string().refine(isRoleArn), pools: z.array(poolName).min(1) })))
    .optional(),
  /** The host, and port, of this control plane's URL as those instances know it: their proofs are for it alone. */
  BATON_HOST_AUDIENCE: z
    .string()
    .regex(/^[a-z0-9.:[\]-]+$/)
    .optional(),
  /** Whether runners may poll through the API, which costs more than the queues (docs/RUNNERS.md). */
  BATON_API_POLLING: z.enum(["on", "off"]).default("off"),
  BATON_TENANT: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default("main"),
  /** How often each offer is sent at once: more than one hides the loss of a message at once, for a price. */
  BATON_OFFER_COPIES: z.coerce.number().int().min(1).max(OFFER_COPIES_MAX).default(1),
  /** Whether large pipelines are read in a thread of their own: where one process serves all callers. */
  BATON_READING_THREAD: z.enum(["on", "off"]).default("off"),
  BATON_LOG_LEVEL: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).default("INFO"),
  /** Who counts what a bill counts, for `baton status`: this process, or CloudWatch; nobody where absent. */
  BATON_USAGE: z.enum(["process", "cloudwatch"]).optional(),
});

function hostRole(text: string): { arn: string; pools: string[] } {
  const [arn = "", pools = ""] = text.split("|");
  return { arn, pools: pools.split(",") };
}

/** Apart, since nothing can be picked from a schema that compares its fields. */
const wholeSchema = schema
  .refine(
    (environment) =>
      (environment.BATON_SIGNING_KEY_FILE === undefined) !== (environment.BATON_SIGNING_KEY_PARAMETER === undefined),
    { error: "exactly one of BATON_SIGNING_KEY_FILE and BATON_SIGNING_KEY_PARAMETER must be set" },
  )
  .refine(
    (environment) => (environment.BATON_HOST_ROLES === undefined) === (environment.BATON_HOST_AUDIENCE === undefined),
    { error: "BATON_HOST_ROLES and BATON_HOST_AUDIENCE go together" },
  );
export type Environment = z.infer<typeof schema>;

export const readEnvironment = (): Environment => read(wholeSchema);

/** What `admin` needs. It names the parameter of the signing key without reading it: it is there to make it. */
const adminSchema = schema
  .pick({
    AWS_REGION: true,
    AWS_ENDPOINT_URL_DYNAMODB: true,
    BATON_TABLE: true,
    BATON_TENANT: true,
    BATON_LOG_LEVEL: true,
  })
  .extend({ BATON_SIGNING_KEY_PARAMETER: z.string().min(1) });
export type AdminEnvironment = z.infer<typeof adminSchema>;

export const readAdminEnvironment = (): AdminEnvironment => read(adminSchema);

/** What `status` needs: no bucket, no signing key, no secrets. */
const statusSchema = schema.pick({
  AWS_REGION: true,
  AWS_ENDPOINT_URL_DYNAMODB: true,
  AWS_ENDPOINT_URL_SQS: true,
  BATON_TABLE: true,
  BATON_TICKS_QUEUE_URL: true,
  BATON_POOL_QUEUE_URL_PREFIX: true,
  BATON_POOLS: true,
  BATON_TENANT: true,
  BATON_LOG_LEVEL: true,
  BATON_USAGE: true,
});
export type StatusEnvironment = z.infer<typeof statusSchema>;

export const readStatusEnvironment = (): StatusEnvironment => read(statusSchema);

/** Throws with every missing or malformed variable named. */
function read<S extends z.ZodType>(schema: S): z.output<S> {
  const parsed = schema.safeParse(process.env);
  if (!parsed.success) throw new Error(`the environment is not complete:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
