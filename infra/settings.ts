import type { Node } from "constructs";
import { z } from "zod";
import { DEFAULT_POOLS } from "../shared/resources.ts";

const onOff = z.enum(["on", "off"]);
const name = z.string().regex(/^[a-z0-9-]{1,32}$/);

/** What an operator may choose, as `cdk deploy -c NAME=VALUE`. Everything else is fixed. */
const schema = z.object({
  /** Runners on EC2: the only part that bills by the hour. */
  fleet: onOff.default("off"),
  /** Where the fleet runs; the account's default VPC where absent. */
  vpcId: z
    .string()
    .regex(/^vpc-[0-9a-f]+$/)
    .optional(),
  /** Pools that get an offer queue, by commas. */
  pools: z
    .string()
    .default(DEFAULT_POOLS.join(","))
    .transform((text) => text.split(","))
    .pipe(z.array(name).min(1)),
  tenant: name.default("main"),
  /** Whether dashboard and alarms are deployed. */
  watch: onOff.default("on"),
  /** Where alarms are told; nowhere but in the console where absent. */
  alarmTopicArn: z.string().startsWith("arn:").optional(),
  /** `off`: deleting the stacks deletes table and bucket with all that they hold. */
  retain: onOff.default("on"),
  /** `on`: reserves each function's share of the account's concurrency. A new account has 10, too few for that. */
  reserve: onOff.default("off"),
  /** Hosts of forges that projects may name, by commas. */
  forgeHosts: z.string().optional(),
  /** `on`: runners may poll through the API. */
  apiPolling: onOff.optional(),
  logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).optional(),
  /** A LocalStack-compatible endpoint that functions and runners shall use in place of AWS. */
  awsEndpoint: z.url().optional(),
});
export type Settings = z.infer<typeof schema>;

/** Throws with every malformed setting named. */
export function readSettings(node: Node): Settings {
  const given = Object.keys(schema.shape).map((key) => [key, node.tryGetContext(key)] as const);
  const parsed = schema.safeParse(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
  if (!parsed.success)
    throw new Error(`the settings (cdk -c NAME=VALUE) are not right:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
