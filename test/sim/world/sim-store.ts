import { withHistory } from "../../../shared/domain/history.ts";
import type { Item } from "../../../shared/domain/item.ts";
import type { MoveOn } from "../../../shared/domain/move.ts";
import { eachOf } from "../../../shared/lib/each-of.ts";
import { assertBirth, BIRTH_CONCURRENCY, TRANSACTION_ITEMS_MAX } from "../../../shared/store/births.ts";
import { retryRequest } from "../../../shared/store/dynamo-retry.ts";
import { familySchemas } from "../../../shared/store/family-schemas.ts";
import {
  type BirthItem,
  idempotencyItemSchema,
  type RunItems,
  specItemSchema,
  tokenItemSchema,
} from "../../../shared/store/items.ts";
import {
  checkKey,
  HOT_RANGE,
  jobKey,
  type Key,
  type Range,
  runItemsPartition,
  runKey,
  SPEC_RANGE,
  specKey,
  tokenKey,
  tokenListKey,
} from "../../../shared/store/keys.ts";
import type { Applied, FamilyItems, Store } from "../../../shared/store/store.ts";
import { absenceItemSchema, closingItemSchema, decidedItemSchema } from "../../../shared/store/trigger-items.ts";
import { frozen } from "./as-stored.ts";
import type { SimIndex } from "./sim-index.ts";
import type { SimTable } from "./sim-table.ts";

const schemas = {
  ...familySchemas,
  spec: specItemSchema,
  token: tokenItemSchema,
  idempotency: idempotencyItemSchema,
  decided: decidedItemSchema,
  closing: closingItemSchema,
  absence: absenceItemSchema,
} as const;

/** Each version of an item is parsed once, however often it is read. */
export function makeParse(): (item: Item) => Item {
  const parsed = new WeakMap<Item, Item>();
  return (item) => {
    const known = parsed.get(item);
    if (known !== undefined) return known;
    const schema = schemas[String(item["family"]) as keyof typeof schemas];
    const fresh = frozen(schema.parse(item) as Item);
    parsed.set(item, fresh);
    return fresh;
  };
}

/** One request to the table: it happens, or fails, or happens and its answer is lost. */
export type Request = <T>(operation: string, effect: () => T) => Promise<T>;

/** The store on the simulated table: the same births, codecs and retries as on DynamoDB (shared/store/dynamo-store.ts). */
export function makeSimStore(table: SimTable, index: SimIndex, request: Request): Store {
  const parse = makeParse();
  async function get<T>(key: Key): Promise<T | undefined> {
    const item = await retryRequest(() => request(`GetItem ${key.sk}`, () => table.get(key)));
    return item === undefined ? undefined : (parse(item) as T);
  }

  const queryAll = (operation: string, pk: string, range: Range) =>
    retryRequest(() => request(operation, () => table.query(pk, range.from, range.to)));

  return {
    async apply<F extends keyof FamilyItems>(
      move: MoveOn<F>,
      key: Key,
      args: Parameters<Store["apply"]>[2],
      cause: Parameters<Store["apply"]>[3],
    ) {
      const full = withHistory(move, args, cause);
      const operation = `UpdateItem ${move.on}.${move.name} ${key.sk}`;
      const { applied, item } = await retryRequest(() => request(operation, () => table.update(move, key, full)));
      return { applied, item: item === undefined ? undefined : parse(item) } as unknown as Applied<FamilyItems[F]>;
    },

    async birth(items) {
      if (items.length > TRANSACTION_ITEMS_MAX)
        throw new Error(`a birth of ${items.length} items does not fit one transaction`);
      items.forEach(assertBirth);
      const write = () => table.putNew(items);
      return (await retryRequest(() => request("TransactWriteItems", write))) ? "born" : "exists";
    },

    async birthEach(items) {
      items.forEach(assertBirth);
      await eachOf(items, BIRTH_CONCURRENCY, (item: BirthItem) =>
        retryRequest(() => request(`PutItem ${item.sk}`, () => table.putNew([item]))),
      );
    },

    getRun: (ref) => get(runKey(ref)),
    getJob: (ref) => get(jobKey(ref)),
    getSpec: (ref) => get(specKey(ref)),
    getCheck: (ref, checkId) => get(checkKey(ref, checkId)),
    getIdempotency: (key) => get(key),
    async getRunItems(ref) {
      return sortRunItems((await queryAll("Query run", runItemsPartition(ref), HOT_RANGE)).map(parse));
    },
    async getSpecs(ref) {
      const items = await queryAll("Query specs", runItemsPartition(ref), SPEC_RANGE);
      return items.map((item) => specItemSchema.parse(item));
    },

    dueRuns: (shard, beforeMs, limit) =>
      retryRequest(() => request("Query due", () => index.dueRuns(shard, beforeMs, limit))),
    runsOfProject: (projectKey, limit, cursor) =>
      retryRequest(() => request("Query by-project", () => index.runsOfProject(projectKey, limit, cursor))),

    getToken: (tenant, tokenId) => get(tokenKey(tenant, tokenId)),
    async addToken(item) {
      assertBirth(item);
      const list = tokenListKey(item.tenant);
      await retryRequest(() =>
        request("TransactWriteItems token", () => {
          if (!table.putNew([item])) return;
          table.edit(list, (found) => ({ ...found, ...list, tokens: new Set([...tokensOf(found), item.tokenId]) }));
        }),
      );
    },
    async listTokens(tenant) {
      const list = await retryRequest(() => request("GetItem tokens", () => table.get(tokenListKey(tenant))));
      const found = await Promise.all(
        tokensOf(list).map((id) => request("GetItem token", () => table.get(tokenKey(tenant, id)))),
      );
      return found.filter((item) => item !== undefined).map((item) => tokenItemSchema.parse(item));
    },
    revokeToken: (tenant, tokenId, nowMs, whileLives) =>
      retryRequest(() =>
        request("UpdateItem token", () => {
          const key = tokenKey(tenant, tokenId);
          const found = table.get(key);
          if (found === undefined) return "unknown";
          if (found["revokedAtMs"] !== undefined) return "revoked";
          const witness = whileLives === undefined ? found : table.get(tokenKey(tenant, whileLives));
          if (witness === undefined || witness["revokedAtMs"] !== undefined) return "refused";
          table.edit(key, () => ({ ...found, revokedAtMs: nowMs }));
          return "revoked";
        }),
      ),

    ping: () => request("DescribeTable", () => undefined),
  };
}

function tokensOf(list: Item | undefined): string[] {
  const tokens = list?.["tokens"];
  return tokens instanceof Set ? [...tokens].map(String) : [];
}

function sortRunItems(items: readonly Item[]): RunItems {
  const of = (family: string) => items.filter((item) => item["family"] === family);
  return {
    run: of("run")[0] as RunItems["run"],
    jobs: (of("job") as unknown as RunItems["jobs"][number][]).sort((a, b) => a.order - b.order),
    checks: of("check") as unknown as RunItems["checks"],
    joins: of("join") as unknown as RunItems["joins"],
  };
}
