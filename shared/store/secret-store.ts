/**
 * Where secrets are kept: SSM SecureStrings in a deployment, an encrypted file in the embedded stack. Paths are relative
 * to the tenant: `webhooks/<project>/<id>`, `projects/<project>/secrets/<branch pattern>/<NAME>`. Values never reach a
 * log, the table, an argument list or an error's text.
 */
export interface SecretStore {
  /** Overwrites. */
  put(path: string, value: string): Promise<void>;
  /** Undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** All below a folder, however deep, by path. */
  readAll(folder: string): Promise<ReadonlyMap<string, string>>;
  /** Paths below a folder, without their values. */
  list(folder: string): Promise<readonly SecretEntry[]>;
  /** False where there was none. */
  remove(path: string): Promise<boolean>;
}

export interface SecretEntry {
  readonly path: string;
  readonly updatedAtMs: number;
}
