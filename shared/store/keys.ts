/** Every key of the table, and of the bucket, in one file (DESIGN section 3). */

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** Sort keys from `from` to `to`, both included. */
export interface Range {
  readonly from: string;
  readonly to: string;
}

export interface RunRef {
  readonly tenant: string;
  readonly runId: string;
}
export interface JobRef extends RunRef {
  readonly jobId: string;
}

const runPartition = ({ tenant, runId }: RunRef) => `T#${tenant}#RUN#${runId}`;

export const runKey = (ref: RunRef): Key => ({ pk: runPartition(ref), sk: "RUN" });
export const jobKey = (ref: JobRef): Key => ({ pk: runPartition(ref), sk: `JOB#${ref.jobId}` });
export const specKey = (ref: JobRef): Key => ({ pk: runPartition(ref), sk: `SPEC#${ref.jobId}` });
export const checkKey = (ref: RunRef, checkId: string): Key => ({ pk: runPartition(ref), sk: `CHECK#${checkId}` });
export const joinKey = (ref: RunRef, number: string): Key => ({ pk: runPartition(ref), sk: `JOIN#${number}` });

/** The hot items of a run lie between these sort keys: checks, jobs, joins and the run, but neither specs nor artifacts. */
export const HOT_RANGE = { from: "CHECK#", to: "RUN" } as const;
export const SPEC_RANGE = { from: "SPEC#", to: "SPEC$" } as const;
export const runItemsPartition = runPartition;

export const tokenKey = (tenant: string, tokenId: string): Key =>
  same(`T#${tenant}#TOKEN#${tokenId}`, `TOKEN#${tokenId}`);
/** The list of a tenant's tokens is a set of ids on one item: there are few, and a scan is never needed. */
export const tokenListKey = (tenant: string): Key => same(`T#${tenant}#TOKENS`, "TOKENS");
/** The principal's length stands before it: both are free text, and a # in one must not make it look like the other. */
export const idempotencyKey = (tenant: string, principal: string, key: string): Key =>
  same(`T#${tenant}#IDEM#${principal.length}#${principal}#${key}`, "IDEM");

/** What a forge is shown of one run, or in the comment of one pull request. */
export type OutboxRef = RunRef | PullRef;
export interface PullRef {
  readonly tenant: string;
  readonly project: string;
  readonly number: number;
}
const RUN_OUTBOX = "STATUS";
const PULL_OUTBOX = "COMMENT";
const CLOSED_DIGITS = 16;

export const outboxKey = (ref: OutboxRef): Key =>
  "runId" in ref
    ? { pk: runPartition(ref), sk: RUN_OUTBOX }
    : { pk: `T#${ref.tenant}#PULL#${ref.project}#${ref.number}`, sk: PULL_OUTBOX };

/** Which outbox has this key. Throws where it is none's. */
export function outboxRefOf({ pk, sk }: Key): OutboxRef {
  const [, tenant, kind, name, number] = pk.split("#");
  if (tenant !== undefined && name !== undefined) {
    if (sk === RUN_OUTBOX && kind === "RUN") return { tenant, runId: name };
    if (sk === PULL_OUTBOX && kind === "PULL") return { tenant, project: name, number: Number(number) };
  }
  throw new Error(`${pk} ${sk} is no outbox`);
}

/** One name at one commit, as one kind of report (`surface`) shows it in one repository. */
export interface StatusRef {
  readonly tenant: string;
  readonly surface: "checks" | "statuses";
  /** Where the forge is, and the repository as the forge knows it; neither holds a #. */
  readonly repository: string;
  readonly sha: string;
  readonly name: string;
}
/** A commit status' name is the same in any case. */
export const statusKey = ({ tenant, surface, repository, sha, name }: StatusRef): Key => ({
  pk: `T#${tenant}#STATUS#${surface}#${repository}#${sha}`,
  sk: `STATUS#${surface === "statuses" ? name.toLowerCase() : name}`,
});

export const projectItemKey = (tenant: string, project: string): Key =>
  same(`T#${tenant}#PROJECT#${project}`, `PROJECT#${project}`);
/** The set of a tenant's project names. */
export const projectListKey = (tenant: string): Key => same(`T#${tenant}#PROJECTS`, "PROJECTS");

/** By project: two projects may hear of one event, each by a hook of its own. Ids are a forge's, and hold no #. */
export interface DeliveryRef {
  readonly tenant: string;
  readonly forge: "github";
  readonly project: string;
  readonly deliveryId: string;
}
export const deliveryKey = ({ tenant, forge, project, deliveryId }: DeliveryRef): Key =>
  same(`T#${tenant}#DELIVERY#${forge}#${project}#${deliveryId}`, "DELIVERY");
/** The delivery that a key of the due index names. Throws where it is none. */
export function deliveryOf({ pk }: Pick<Key, "pk">): DeliveryRef {
  const [, tenant, word, forge, project, deliveryId] = pk.split("#");
  if (word !== "DELIVERY" || forge !== "github" || tenant === undefined || project === undefined || !deliveryId)
    throw new Error(`the due index names ${pk}, which is no delivery`);
  return { tenant, forge, project, deliveryId };
}
/** `digest` is of all that makes a trigger, or a pipeline's place on a branch, the same. */
export const decidedKey = (tenant: string, digest: string): Key => same(`T#${tenant}#DECIDED#${digest}`, "DECIDED");
/** `digest` is of the project, the commit and the file. */
export const absenceKey = (tenant: string, digest: string): Key => same(`T#${tenant}#ABSENT#${digest}`, "ABSENT");
/** A pull request's closings, by time. */
export const closingKey = ({ tenant, project, number }: PullRef, atMs: number): Key => ({
  pk: `T#${tenant}#CLOSED#${project}#${number}`,
  sk: `CLOSED#${String(atMs).padStart(CLOSED_DIGITS, "0")}`,
});
export const refKey = (tenant: string, digest: string): Key => same(`T#${tenant}#REF#${digest}`, "REF");

/**
 * What sweep keeps of one repository of one project. `identity` differs where the project was made anew or has another
 * repository, so that the heads of two are never compared.
 */
export interface HeadsRef {
  readonly tenant: string;
  readonly project: string;
  readonly identity: string;
}
export const headsPartition = ({ tenant, project, identity }: HeadsRef) => `T#${tenant}#HEADS#${project}#${identity}`;
export const headsKey = (ref: HeadsRef): Key => ({ pk: headsPartition(ref), sk: "HEADS" });
export const branchKey = (ref: HeadsRef, branch: string): Key => ({
  pk: headsPartition(ref),
  sk: `HEAD#BRANCH#${branch}`,
});
export const pullKey = (ref: HeadsRef, number: number): Key => ({ pk: headsPartition(ref), sk: `HEAD#PULL#${number}` });
/** The branch or pull request that a head's key names. Throws where it is no head's. */
export function headOf({ sk }: Pick<Key, "sk">): { readonly branch: string } | { readonly number: number } {
  const [, kind, name] = /^HEAD#(BRANCH|PULL)#(.+)$/s.exec(sk) ?? [];
  if (name === undefined) throw new Error(`${sk} is no head`);
  return kind === "PULL" ? { number: Number(name) } : { branch: name };
}
export const HEAD_RANGE = { from: "HEAD#", to: "HEAD$" } as const;
/** A share of the repository's tags. */
export const tagsKey = (ref: HeadsRef, share: string): Key => ({ pk: headsPartition(ref), sk: `TAGS#${share}` });
export const TAGS_RANGE = { from: "TAGS#", to: "TAGS$" } as const;
export const scheduleKey = (ref: HeadsRef, digest: string): Key => ({
  pk: headsPartition(ref),
  sk: `SCHEDULE#${digest}`,
});
export const SCHEDULE_RANGE = { from: "SCHEDULE#", to: "SCHEDULE$" } as const;
export const sweepKey = (tenant: string): Key => same(`T#${tenant}#SWEEP`, "SWEEP");

/** An entry of the audit: nothing updates or deletes in these partitions. */
export const auditKey = (tenant: string, day: string, id: string): Key => ({ pk: auditPartition(tenant, day), sk: id });
export const auditPartition = (tenant: string, day: string) => `T#${tenant}#AUDIT#${day}`;

/** A tenant's runners lie in one partition: each writes once in a quarter of an hour, and all are asked for together. */
export const runnersPartition = (tenant: string) => `T#${tenant}#RUNNERS`;
/** `pools`: their digest. Sorts before what an older Baton kept of each process (`RUNNER#…`). */
export const runnerItemKey = (tenant: string, name: string, pools: string): Key => ({
  pk: runnersPartition(tenant),
  sk: `NAME#${name}#${pools}`,
});

const same = (pk: string, sk: string): Key => ({ pk, sk });

/** Index keys. */
export const projectKey = (tenant: string, project: string) => `T#${tenant}#PROJECT#${project}`;
/** Deliveries that wait to be decided have a shard of their own: they are few, and for another reader. */
export const DELIVERIES_SHARD = "DELIVERIES";
/** And so have projects that wait to be compared with their forge, and schedules. */
export const HEADS_SHARD = "HEADS";
export const SCHEDULES_SHARD = "SCHEDULES";
/** Outboxes with something to send, likewise. */
export const REPORTS_SHARD = "REPORTS";
export const dueShard = (shard: number) => `DUE#${shard}`;

/** The nodes of a plan, as `open` names them: jobs, named checks, joins. */
export const jobNode = (jobId: string) => `JOB#${jobId}`;
export const checkNode = (checkId: string) => `CHECK#${checkId}`;
export const joinNode = (number: string) => `JOIN#${number}`;

/** Objects. All that an attempt makes is keyed by its fence, so that a stale upload is an orphan and nothing more. */
export interface AttemptRef extends JobRef {
  readonly fence: number;
}
const CHUNK_DIGITS = 8;
const attemptPath = ({ tenant, runId, jobId, fence }: AttemptRef) => `${tenant}/${runId}/${jobId}/${fence}`;
export const logPrefix = (ref: AttemptRef) => `logs/${attemptPath(ref)}/`;
export const logChunkObject = (ref: AttemptRef, seq: number) =>
  `${logPrefix(ref)}${String(seq).padStart(CHUNK_DIGITS, "0")}.gz`;
export const logIndexObject = (ref: AttemptRef) => `${logPrefix(ref)}index.json`;
export const artifactObject = (ref: AttemptRef, name: string) => `artifacts/${attemptPath(ref)}/${name}`;
export const specObject = ({ tenant, runId, jobId }: JobRef) => `specs/${tenant}/${runId}/${jobId}.json`;

/** The sequence number in a chunk's key; undefined for the index. */
export function chunkSeq(objectKey: string): number | undefined {
  const digits = /\/(\d{8})\.gz$/.exec(objectKey)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
