import { z } from "zod";
import { poolName, projectName } from "./ids.ts";

/** Projects: a repository of a forge, and how Baton treats it. */

/** `owner/name`, as GitHub allows them. */
const repository = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/, "a repository is written owner/name")
  .refine((name) => !/\/\.{1,2}$/.test(name), "a repository is written owner/name");

export const FORK_MODES = ["approve", "run", "never"] as const;
export const REPORT_MODES = ["checks", "statuses", "off"] as const;
/** How Baton speaks to the forge: as an App (id and private key) or with a token, kept in the secret store; or not at all. */
export const FORGE_CREDENTIALS = ["app", "token", "none"] as const;

export const projectBody = z.strictObject({
  name: projectName,
  forge: z.strictObject({
    kind: z.literal("github"),
    repository,
    /** The REST API's address. Its host must be one that this control plane may call. */
    apiUrl: z.url({ protocol: /^https?$/ }).default("https://api.github.com"),
    /** What runners clone from. */
    cloneUrl: z.url({ protocol: /^https?$/ }).optional(),
    credentials: z.enum(FORGE_CREDENTIALS).default("token"),
  }),
  /** Pull requests from forks: wait for an approval of the exact commit, run at once, or never. */
  forks: z.strictObject({ mode: z.enum(FORK_MODES), pool: poolName }).default({ mode: "approve", pool: "forks" }),
  reports: z
    .strictObject({ mode: z.enum(REPORT_MODES), comment: z.boolean().default(false) })
    .default({ mode: "checks", comment: false }),
});
export type ProjectBody = z.infer<typeof projectBody>;

export const projectView = projectBody.extend({ createdAtMs: z.int(), updatedAtMs: z.int() });
export type ProjectView = z.infer<typeof projectView>;
