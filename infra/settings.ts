import type { Node } from "constructs";
import { z } from "zod";
import { POOL_FORKS } from "../shared/domain/plan.ts";
import { DEFAULT_POOLS } from "../shared/resources.ts";

const onOff = z.enum(["on", "off"]);
const NAME = /^[a-z0-9-]{1,32}$/;

/** A slip of a key is not worth more hosts than these. */
const FLEET_HOSTS_MAX = 100;

/** Words by commas. */
const list = (word: RegExp) =>
  z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.string().regex(word)).min(1));

/** What an operator may choose, as `cdk deploy -c NAME=VALUE`. Everything else is fixed. */
const schema = z.object({
  /** Runners on EC2: the only part that bills by the hour. */
  fleet: onOff.default("off"),
  /** Pools that the fleet's hosts take jobs of, by commas. */
  fleetPools: list(NAME).default([...DEFAULT_POOLS]),
  /** Hosts at most; each runs one job at a time. */
  fleetMax: z.coerce.number().int().min(1).max(FLEET_HOSTS_MAX).default(4),
  /**
   * What starts the first host. `offers`: an offer to any pool, within a minute or two. `queue`: waiting offers of its own
   * pools; SQS tells of them up to 15 minutes late where nobody used a queue for six hours.
   */
  fleetWake: z.enum(["offers", "queue"]).default("offers"),
  fleetMarket: z.enum(["spot", "on-demand"]).default("spot"),
  /** Instance types of arm64, by commas: the more, the likelier is a spot host. */
  fleetTypes: list(/^[a-z0-9-]+\.[a-z0-9-]+$/).default(["c7g.large", "m7g.large", "c6g.large", "m6g.large"]),
  /**
   * More roles whose EC2 instances open sessions by a proof, as the fleet's do: `ARN|POOL,POOL`, by spaces. Each must trust
   * EC2 alone.
   */
  hostRoles: z
    .string()
    .regex(/^arn:[^ |]+\|[a-z0-9,-]+( arn:[^ |]+\|[a-z0-9,-]+)*$/)
    .optional(),
  /** Where the fleet runs; the public subnets of the account's default VPC where absent. */
  vpcId: z
    .string()
    .regex(/^vpc-[0-9a-f]+$/)
    .optional(),
  /** Subnets of that VPC, by commas. They need a way to the internet. */
  subnetIds: list(/^subnet-[0-9a-f]+$/).optional(),
  /** Pools that get an offer queue, by commas. */
  pools: list(NAME).default([...DEFAULT_POOLS, POOL_FORKS]),
  tenant: z.string().regex(NAME).default("main"),
  /** Whether dashboard and alarms are deployed. */
  watch: onOff.default("on"),
  /** Where alarms are told; nowhere but in the console where absent. */
  alarmTopicArn: z.string().startsWith("arn:").optional(),
  /** `off`: deleting the stacks deletes table and bucket with all that they hold. */
  retain: onOff.default("on"),
  /** `on`: reserves each function's share of the account's concurrency. A new account has 10, too few for that. */
  reserve: onOff.default("off"),
  /** Where people see runs, as `<this>/runs/<run>`: forges link to it. Without it there are no links. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Hosts of forges that projects may name, by commas. */
  forgeHosts: z.string().optional(),
  /** `on`: runners may poll through the API. */
  apiPolling: onOff.optional(),
  logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).optional(),
  /** A LocalStack-compatible endpoint that functions and runners shall use in place of AWS. */
  awsEndpoint: z.url().optional(),
});
const wholeSchema = schema
  .refine(({ vpcId, subnetIds }) => (vpcId === undefined) === (subnetIds === undefined), {
    error: "vpcId and subnetIds go together",
  })
  .refine(({ pools, fleetPools }) => fleetPools.every((pool) => pools.includes(pool)), {
    error: "fleetPools names a pool that pools does not",
  })
  .refine(({ fleetPools }) => !fleetPools.includes(POOL_FORKS) || fleetPools.length === 1, {
    error: `a fleet that serves ${POOL_FORKS} serves no other pool: its hosts run one job after the other`,
  });
export type Settings = z.infer<typeof wholeSchema>;

/** Throws with every malformed setting named. */
export function readSettings(node: Node): Settings {
  const given = Object.keys(schema.shape).map((key) => [key, node.tryGetContext(key)] as const);
  const parsed = wholeSchema.safeParse(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
  if (!parsed.success)
    throw new Error(`the settings (cdk -c NAME=VALUE) are not right:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
