import type { Scope } from "../shared/protocol/tokens.ts";
import { readTextFile, type StateFolder, writePrivateFile } from "./state-folder.ts";

/** Makes an API token and keeps its hash in the table; answers the token itself. */
export type MintToken = (name: string, scopes: readonly Scope[]) => Promise<string>;

/**
 * Writes the first two tokens, each to a file that only its owner reads; a restart finds them. `fresh`: the table is
 * new, so that tokens of before would not be known to it.
 */
export async function bootstrapTokens(folder: StateFolder, mint: MintToken, fresh: boolean): Promise<void> {
  await Promise.all([
    ensureToken(folder, folder.tokenFile, fresh, () => mint("owner", ["read", "run", "runner", "admin"])),
    ensureToken(folder, folder.runnerTokenFile, fresh, () => mint("embedded-runner", ["runner"])),
  ]);
}

async function ensureToken(
  folder: StateFolder,
  path: string,
  fresh: boolean,
  make: () => Promise<string>,
): Promise<void> {
  if (!fresh && readTextFile(path)) return;
  writePrivateFile(folder, path, `${await make()}\n`);
}
