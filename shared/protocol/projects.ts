import { z } from "zod";
import { ENV_NAME_PATTERN } from "../domain/id-patterns.ts";
import { BRANCH_PATTERN_LENGTH_MAX, SECRET_VALUE_BYTES_MAX } from "../domain/limits.ts";
import { POOL_FORKS } from "../domain/plan.ts";
import { githubRepository } from "./forge-names.ts";
import { poolName, projectName } from "./ids.ts";

/** Projects: a repository of a forge, and how Baton treats it. */

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

const FORK_MODES = ["approve", "run", "never"] as const;
const REPORT_MODES = ["checks", "statuses", "off"] as const;
/** How Baton speaks to the forge: as an App (id and private key) or with a token, kept in the secret store; or not at all. */
const FORGE_CREDENTIALS = ["app", "token", "none"] as const;

export const projectBody = z.strictObject({
  name: projectName,
  forge: z.strictObject({
    kind: z.literal("github"),
    repository: githubRepository,
    /** The REST API's address. Its host must be one that this control plane may call. */
    apiUrl: z.url({ protocol: /^https?$/ }).default("https://api.github.com"),
    /** What runners clone from, with keys of their own where it is ssh; over https also with what a lease answers. It is no place for a secret. */
    cloneUrl: z
      .string()
      .max(2_048)
      .regex(
        /^(?!ssh:\/\/[^/@]*:[^/@]*@)(?:https?:\/\/(?![^/]*@)|ssh:\/\/|git@)[^\s-]\S*$/,
        "a clone URL is http, https or ssh, with no password in it",
      )
      .optional(),
    credentials: z.enum(FORGE_CREDENTIALS).default("token"),
  }),
  /** Pull requests from forks: wait for an approval of the exact commit, run at once, or never. */
  forks: z.strictObject({ mode: z.enum(FORK_MODES), pool: poolName }).default({ mode: "approve", pool: POOL_FORKS }),
  reports: z
    .strictObject({ mode: z.enum(REPORT_MODES), comment: z.boolean().default(false) })
    .default({ mode: "checks", comment: false }),
});
export type ProjectBody = z.infer<typeof projectBody>;

/**
 * `hasCloneToken`: there is one for runners to clone with. `repositoryId`: the forge's own, by which the repository is known
 * whatever its name is; absent until it was first heard of. `formerRepositories`: its names of before, the first one first.
 */
const projectFacts = {
  hasCloneToken: z.boolean().default(false),
  repositoryId: z.string().optional(),
  formerRepositories: z.array(z.string()).optional(),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
};
export const projectView = z.object({ ...projectBody.shape, ...projectFacts });
export type ProjectView = z.infer<typeof projectView>;

const forgeToken = z.string().regex(/^[\x21-\x7e]{8,512}$/, "a forge's token is one word of 8 to 512 characters");

/** What a control plane shows a forge: kept in the secret store, answered to nobody. A private key is PEM. */
const forgeSecret = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("token"),
    token: forgeToken,
  }),
  z.strictObject({
    kind: z.literal("app"),
    appId: z.int().positive(),
    /** Found by the repository where absent. */
    installationId: z.int().positive().optional(),
    privateKey: z
      .string()
      .max(SECRET_VALUE_BYTES_MAX - 256)
      .regex(/^-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key of a GitHub App is a PEM file"),
  }),
]);
export type ForgeSecret = z.infer<typeof forgeSecret>;

const withSecrets = {
  secret: forgeSecret.optional(),
  /** Given to runners, to clone with: it should read this one repository, and no more. */
  cloneToken: forgeToken.nullable().optional(),
};
export const addProjectBody = projectBody.extend(withSecrets);
export type AddProject = z.output<typeof addProjectBody>;
/** All of a project anew; its credentials and its clone token stay where none are given. A clone token of null goes. */
export const changeProjectBody = projectBody.omit({ name: true }).extend(withSecrets);
export type ChangeProject = z.output<typeof changeProjectBody>;

export const projectReply = z.object({ project: projectView });
export const listProjectsReply = z.object({ projects: z.array(projectView) });
export const addProjectReply = z.object({
  project: projectView,
  /** The only time that it is shown. */
  webhookSecret: z.string(),
  /** Where the forge sends its webhooks, below this control plane's address. */
  webhookPath: z.string(),
  /** What does not work yet. */
  warnings: z.array(z.string()),
});

/** `rotate`: a new one, beside which the one before still holds; `drop_old`: only the newest holds from now on. */
export const rotateWebhookBody = z.strictObject({ action: z.enum(["rotate", "drop_old"]) });
/** Shown once. */
export const rotateWebhookReply = z.object({ webhookSecret: z.string().optional() });

/** A project's secrets: given to jobs that name them, for one branch pattern or for all. */
export const secretName = z
  .string()
  .regex(ENV_NAME_PATTERN, "a secret is named like a variable: letters, digits and _, not starting with a digit")
  .refine((name) => name !== "BATON" && !name.startsWith("BATON_"), "BATON and BATON_* are reserved")
  .refine((name) => name !== "__proto__", "__proto__ is reserved");
/** A branch, or a glob as in `on:`. */
const branchPattern = z
  .string()
  .max(BRANCH_PATTERN_LENGTH_MAX)
  .regex(/^[^\s!]\S*$/u, "a branch pattern is a branch or a glob, without spaces and without a leading !")
  .refine((text) => !/\p{Cc}/u.test(text), "a branch pattern has no control characters")
  .refine((text) => text.isWellFormed() && bytesOf(text) <= BRANCH_PATTERN_LENGTH_MAX, {
    message: `a branch pattern has at most ${BRANCH_PATTERN_LENGTH_MAX} bytes`,
  });
export const setSecretBody = z.strictObject({
  value: z
    .string()
    .min(1)
    .refine((value) => bytesOf(value) <= SECRET_VALUE_BYTES_MAX, {
      message: `a secret has at most ${SECRET_VALUE_BYTES_MAX} bytes (SECRET_VALUE_BYTES_MAX)`,
    })
    .refine((value) => !value.includes("\0"), "a secret holds no NUL character"),
  branch: branchPattern.optional(),
});
export const removeSecretQuery = z.strictObject({ branch: branchPattern.optional() });
export const secretView = z.object({ name: z.string(), branch: z.string().optional(), updatedAtMs: z.int() });
export type SecretView = z.infer<typeof secretView>;
export const listSecretsReply = z.object({ secrets: z.array(secretView) });
