import { DomainError } from "../domain/errors.ts";
import { TOKEN_CACHE_MS } from "../domain/limits.ts";
import { POOL_FORKS } from "../domain/plan.ts";
import { equalInConstantTime } from "../lib/signed-token.ts";
import type { Scope, TokenView } from "../protocol/tokens.ts";
import type { TokenItem } from "../store/items.ts";
import { tokenKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Deps } from "./deps.ts";
import { digest } from "./specs.ts";

/** API tokens (SECURITY 25): `baton_<tenant>_<id>_<secret>`, 256 random bits, stored as SHA-256, scoped, revocable. */

const TOKEN_PATTERN = /^baton_([a-z0-9-]{1,32})_([0-9a-z]{26})_([A-Za-z0-9_-]{43})$/;

export interface TokenDeps extends Pick<Deps, "store" | "clock" | "random"> {
  readonly settings: Pick<Deps["settings"], "tenant">;
}

/** Makes a token. The answer is the only time that it is shown. */
export async function createToken(
  deps: TokenDeps,
  wanted: {
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly pools?: readonly string[] | undefined;
    /** A new one where absent. */
    readonly tokenId?: string;
  },
): Promise<{ token: string; view: TokenView }> {
  const { tenant } = deps.settings;
  const nowMs = deps.clock.nowMs();
  const tokenId = wanted.tokenId ?? deps.random.ulid(nowMs);
  const secret = deps.random.secret();
  const item: TokenItem = {
    ...tokenKey(tenant, tokenId),
    v: ITEM_VERSION,
    tenant,
    family: "token",
    tokenId,
    name: wanted.name,
    scopes: [...new Set(wanted.scopes)],
    ...(wanted.pools === undefined ? {} : { pools: [...new Set(wanted.pools)] }),
    hash: digest(secret),
    createdAtMs: nowMs,
  };
  await deps.store.addToken(item);
  return { token: `baton_${tenant}_${tokenId}_${secret}`, view: toView(item) };
}

export async function listTokens(deps: TokenDeps): Promise<TokenView[]> {
  const items = await deps.store.listTokens(deps.settings.tenant);
  return items.map(toView).sort((a, b) => a.createdAtMs - b.createdAtMs);
}

/** Witnesses of a last administrator that vanish one after the other: each is revoked by somebody else at that moment. */
const WITNESSES_MAX = 5;

/**
 * Revokes a token. Throws `not_found`, or `conflict` for the last one that may administer: nobody could make another. Which
 * is the last is decided by the write itself, that names another one which lives.
 */
export async function revokeToken(deps: TokenDeps, tokenId: string): Promise<void> {
  const { tenant } = deps.settings;
  for (let tries = 0; tries < WITNESSES_MAX; tries += 1) {
    const administrators = (await deps.store.listTokens(tenant)).filter(mayAdminister);
    const isOne = administrators.some((token) => token.tokenId === tokenId);
    const witness = administrators.find((token) => token.tokenId !== tokenId)?.tokenId;
    if (isOne && witness === undefined) throw lastAdministrator(tokenId);
    const done = await deps.store.revokeToken(tenant, tokenId, deps.clock.nowMs(), isOne ? witness : undefined);
    if (done === "unknown") throw new DomainError("not_found", `there is no token ${tokenId}`);
    if (done === "revoked") return;
  }
  throw lastAdministrator(tokenId);
}

const mayAdminister = ({ scopes, revokedAtMs }: TokenItem): boolean =>
  scopes.includes("admin") && revokedAtMs === undefined;

function lastAdministrator(tokenId: string): DomainError {
  const how = "make another first (baton tokens create --scope admin)";
  return new DomainError("conflict", `${tokenId} is the last token with the scope admin that is not revoked: ${how}`);
}

/** Who a token is; undefined where it is unknown, wrong or revoked. */
export interface Principal {
  readonly tokenId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The only pools that it may open sessions of; where absent, any. */
  readonly pools?: readonly string[] | undefined;
  /** Of a host that proved who it is: what its one session spends. `tokenId` is its role then, `name` its instance. */
  readonly proof?: string;
}

/**
 * A step that finds its runner's token must not get out of its pool with it (SECURITY 19). Throws `forbidden` where the
 * token is bound to other pools, or to none and the pool is the one that runs what nobody trusts.
 */
export function assertServes({ name, pools }: Principal, wanted: readonly string[]): void {
  if (pools === undefined && wanted.includes(POOL_FORKS))
    throw new DomainError(
      "forbidden",
      `the token ${name} opens every pool, so it may not serve ${POOL_FORKS}: make one that is bound to it (baton tokens create --scope runner --pool ${POOL_FORKS})`,
    );
  const other = wanted.find((pool) => pools !== undefined && !pools.includes(pool));
  if (other === undefined) return;
  throw new DomainError("forbidden", `the token ${name} is for the pools ${pools?.join(", ")}, and not for ${other}`);
}

/** Looks a token up, remembering the answer for seconds: revoking takes effect within `TOKEN_CACHE_MS`. */
export function makeTokenCheck(deps: TokenDeps): (token: string) => Promise<Principal | undefined> {
  const known = new Map<string, { readonly item: TokenItem; readonly untilMs: number }>();
  const find = async (tokenId: string) => {
    const nowMs = deps.clock.monotonicMs();
    const cached = known.get(tokenId);
    if (cached !== undefined && cached.untilMs > nowMs) return cached.item;
    known.delete(tokenId);
    const item = await deps.store.getToken(deps.settings.tenant, tokenId);
    if (item !== undefined) known.set(tokenId, { item, untilMs: nowMs + TOKEN_CACHE_MS });
    return item;
  };
  return async (token) => {
    const [, tenant, tokenId, secret] = TOKEN_PATTERN.exec(token) ?? [];
    if (tokenId === undefined || secret === undefined || tenant !== deps.settings.tenant) return undefined;
    const item = await find(tokenId);
    const genuine = equalInConstantTime(Buffer.from(digest(secret)), Buffer.from(item?.hash ?? digest("")));
    if (item === undefined || !genuine || item.revokedAtMs !== undefined) return undefined;
    return { tokenId, name: item.name, scopes: item.scopes, pools: item.pools };
  };
}

function toView(item: TokenItem): TokenView {
  const { tokenId, name, scopes, pools, createdAtMs, revokedAtMs } = item;
  return {
    id: tokenId,
    name,
    scopes,
    ...(pools === undefined ? {} : { pools }),
    createdAtMs,
    ...(revokedAtMs === undefined ? {} : { revokedAtMs }),
  };
}
