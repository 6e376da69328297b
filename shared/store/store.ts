import type { Args } from "../domain/item.ts";
import type { MoveOn } from "../domain/move.ts";
import type {
  BirthItem,
  CheckItem,
  IdempotencyItem,
  JobItem,
  JoinItem,
  RunItem,
  RunItems,
  RunSummaryItem,
  SpecItem,
  TokenItem,
} from "./items.ts";
import type { JobRef, Key, RunRef } from "./keys.ts";
import type { OutboxItem, StatusItem } from "./report-items.ts";
import type { HeadItem, HeadsItem, ScheduleItem, SweepItem, TagsItem } from "./sweep-items.ts";
import type { DeliveryItem, RefItem } from "./trigger-items.ts";

/** What a move's family is stored as. */
export interface FamilyItems {
  run: RunItem;
  job: JobItem;
  check: CheckItem;
  join: JoinItem;
  delivery: DeliveryItem;
  ref: RefItem;
  outbox: OutboxItem;
  status: StatusItem;
  heads: HeadsItem;
  head: HeadItem;
  tags: TagsItem;
  schedule: ScheduleItem;
  sweep: SweepItem;
}

/**
 * The answer of a conditional write: the item as it stands after it. Act on the item, not on `applied`: a retry by the
 * SDK may have been refused because its lost twin had landed. `item` is undefined where there is none.
 */
export interface Applied<T> {
  readonly applied: boolean;
  readonly item: T | undefined;
}

/** Who makes a move and why, for the item's history. */
export interface Cause {
  readonly actor: string;
  readonly reason?: string;
}

/** The only way to read and write state. Implemented on DynamoDB (`dynamo-store.ts`) and, in tests, in memory. */
export interface Store {
  /** One conditional UpdateItem: the move's guards decide in the database. `nowMs` must be among the arguments. */
  apply<F extends keyof FamilyItems>(
    move: MoveOn<F>,
    key: Key,
    args: Args,
    cause: Cause,
  ): Promise<Applied<FamilyItems[F]>>;
  /** Writes all items or, when one of them exists already, none. At most 100. */
  birth(items: readonly BirthItem[]): Promise<"born" | "exists">;
  /** Writes each item that does not exist yet; any number, not atomic, repeatable. */
  birthEach(items: readonly BirthItem[]): Promise<void>;

  getRun(ref: RunRef): Promise<RunItem | undefined>;
  getJob(ref: JobRef): Promise<JobItem | undefined>;
  getSpec(ref: JobRef): Promise<SpecItem | undefined>;
  getCheck(ref: RunRef, checkId: string): Promise<CheckItem | undefined>;
  getIdempotency(key: Key): Promise<IdempotencyItem | undefined>;
  /** The run's hot items, strongly consistent; never its specs. */
  getRunItems(ref: RunRef): Promise<RunItems>;
  getSpecs(ref: RunRef): Promise<SpecItem[]>;

  /** Candidates from the `due` index: runs whose `wakeAtMs` is before the given time. A hint, not a decision. */
  dueRuns(shard: string, beforeMs: number, limit: number): Promise<DueRun[]>;
  /** A page of the `by-project` index, newest first. */
  runsOfProject(
    projectKey: string,
    limit: number,
    cursor: string | undefined,
  ): Promise<{ runs: RunSummaryItem[]; cursor?: string }>;

  getToken(tenant: string, tokenId: string): Promise<TokenItem | undefined>;
  addToken(item: TokenItem): Promise<void>;
  listTokens(tenant: string): Promise<TokenItem[]>;
  /**
   * `unknown` where there is no such token; one that is revoked stays so. `whileLives`: another token, without which this
   * one must stay, in the same write: `refused` where that one does not live.
   */
  revokeToken(
    tenant: string,
    tokenId: string,
    nowMs: number,
    whileLives?: string,
  ): Promise<"revoked" | "unknown" | "refused">;

  /** Reaches the table, or throws. */
  ping(): Promise<void>;
}

export interface DueRun extends RunRef {
  readonly tickSeq: number;
}
