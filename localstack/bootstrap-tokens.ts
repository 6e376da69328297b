import { POOL_FORKS } from "../shared/domain/plan.ts";
import type { Scope } from "../shared/protocol/tokens.ts";
import { readTextFile, type StateFolder, writePrivateFile } from "./state-folder.ts";

/** Makes an API token and keeps its hash in the table; answers the token itself. */
export type MintToken = (name: string, scopes: readonly Scope[], pools?: readonly string[]) => Promise<string>;

/** Whether the table knows a token, and nobody has revoked it. */
export type TokenLives = (token: string) => Promise<boolean>;

/**
 * Writes the first two tokens, each to a file that only its owner reads; a restart finds them. `fresh`: the table is
 * new, so that tokens of before would not be known to it. The runner's is made anew where it does not live any more; the
 * owner's where its file is gone or holds none: whoever owns the folder may always get in. Answers where the runner's is. One that is bound to no pool does
 * not open the pool for forks: where that is served, the runner has another, bound to the pools of this very start.
 */
export async function bootstrapTokens(
  folder: StateFolder,
  mint: MintToken,
  lives: TokenLives,
  { fresh, pools }: { readonly fresh: boolean; readonly pools: readonly string[] },
): Promise<string> {
  const isBound = pools.includes(POOL_FORKS);
  const file = isBound ? `${folder.runnerTokenFile}-${POOL_FORKS}` : folder.runnerTokenFile;
  const isSpent = fresh || isBound || !(await lives(readTextFile(file) ?? ""));
  await Promise.all([
    ensureToken(folder, folder.tokenFile, fresh, () => mint("owner", ["read", "run", "runner", "admin"])),
    ensureToken(folder, file, isSpent, () => mint("embedded-runner", ["runner"], isBound ? pools : undefined)),
  ]);
  return file;
}

/** A file that holds none, as after a crash of the disk, is as good as gone. */
const TOKEN = /^baton_[\x21-\x7e]+$/;

async function ensureToken(
  folder: StateFolder,
  path: string,
  fresh: boolean,
  make: () => Promise<string>,
): Promise<void> {
  if (!fresh && TOKEN.test(readTextFile(path) ?? "")) return;
  writePrivateFile(folder, path, `${await make()}\n`);
}
