/** What Baton must hold, numbered so that tests can name it: a title with `SECURITY 17` is a proof of number 17. */
export interface SecurityRequirement {
  readonly number: number;
  readonly area: (typeof SECURITY_AREAS)[number];
  readonly text: string;
  /** Rules of cdk-nag's AwsSolutions pack that hold it on every synthesised stack. */
  readonly rules?: readonly string[];
  /** True where the release promises it: without a proof a test fails. */
  readonly promised: boolean;
}

export const SECURITY_AREAS = ["deployment", "triggers", "runners and tokens", "data"] as const;

type Row = readonly [number: number, promised: boolean, text: string, rules?: readonly string[]];

const of = (area: SecurityRequirement["area"], rows: readonly Row[]): SecurityRequirement[] =>
  rows.map(([number, promised, text, rules]) => ({ number, area, promised, text, ...(rules && { rules }) }));

export const SECURITY_REQUIREMENTS: readonly SecurityRequirement[] = [
  ...of("deployment", [
    [1, true, "The bucket is closed to the public", ["AwsSolutions-S2"]],
    [2, true, "The bucket answers over TLS alone", ["AwsSolutions-S10"]],
    [3, true, "The bucket is encrypted, versioned and logs its access", ["AwsSolutions-S1"]],
    [4, true, "Queues are encrypted, take TLS alone and have dead letters", ["AwsSolutions-SQS3", "AwsSolutions-SQS4"]],
    [5, true, "The table can be restored to any point in time, and is encrypted", ["AwsSolutions-DDB3"]],
    [6, true, "Every route needs authorisation but health and webhooks"],
    [7, true, "The API logs each access and is throttled", ["AwsSolutions-APIG1"]],
    [8, true, "No function has a URL of its own"],
    [9, true, "No policy is managed by AWS or grants more than it names", ["AwsSolutions-IAM4", "AwsSolutions-IAM5"]],
    [10, true, "A function can be invoked by its own source alone"],
    [11, true, "Keys rotate, and no key is open to everybody", ["AwsSolutions-KMS5"]],
    [12, true, "No secret is in a plain environment variable or parameter"],
    [13, true, "Functions run on a runtime that is supported", ["AwsSolutions-L1"]],
    [14, true, "What may run at once has caps"],
    [15, true, "Logs expire"],
    [16, true, "A message stays invisible for at least six times its function's timeout"],
  ]),
  ...of("triggers", [
    [
      17,
      true,
      "A webhook's HMAC is compared over its raw bytes, length checked, in constant time; two secrets are valid while they rotate",
    ],
    [18, true, "Delivery ids are kept for 7 days, and an old body under a new id is harmless"],
    [19, true, "A fork gets no secrets, a pool of its own, and an approval that is bound to one commit"],
    [20, true, "What has privileges is defined by the base ref"],
    [21, true, "No text from outside becomes code: scripts read the environment"],
    [22, true, "No author's name and no bot's identity grants trust"],
  ]),
  ...of("runners and tokens", [
    [23, false, "An ephemeral runner: one job, one credential, and its workspace destroyed"],
    [24, true, "A lease token is bound to one attempt"],
    [25, true, "API tokens have 128 bits or more, are stored hashed, compared in constant time, scoped and revocable"],
    [
      26,
      false,
      "A job's own identity (OIDC) names audience, project, ref and environment, lives 15 minutes, and forks get none",
    ],
    [27, true, "A link is good for one key, method, length and checksum, for minutes, and never overwrites"],
    [28, true, "Secrets are masked in their encoded forms too, across writes; masking is documented as no boundary"],
    [29, false, "No output of a step is a command; its environment and output files are capped and parsed strictly"],
  ]),
  ...of("data", [
    [30, false, "Who shows a log renders colours alone: links, OSC and HTML are neutralised"],
    [31, true, "Unpacking refuses paths that climb out, links out, devices and bombs"],
    [32, false, "Artifacts are verified by digest; caches are separated by trust"],
    [
      33,
      true,
      "A control plane calls named hosts, never a link-local or private address after DNS or a redirect; a runner fetches no source from a link-local one, nor by a redirect",
    ],
    [34, false, "Provenance is signed by a key that steps cannot reach"],
    [35, true, "Claims, uses of secrets, cancels, approvals and tokens are in an audit that is only added to"],
  ]),
];
