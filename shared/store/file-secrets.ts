import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { removeFile } from "../lib/remove-tree.ts";
import { systemCode } from "../lib/system-code.ts";
import type { SecretEntry, SecretStore } from "./secret-store.ts";

/**
 * Secrets in one encrypted file: what the embedded stack has in place of SSM. AES-256-GCM with a random nonce for each
 * value (NIST SP 800-38D); its path and time are authenticated with it, so that no value can be moved to another path.
 * Both files are their owner's alone. For one process: its calls wait for each other, and each change replaces the file
 * whole, so that a crash leaves the old one.
 */
export interface FileSecretsOptions {
  readonly file: string;
  /** 32 bytes, base64url; made with the first secret. */
  readonly keyFile: string;
  readonly tenant: string;
  readonly clock: Pick<Clock, "nowMs">;
}

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const PRIVATE = 0o600;

const sealedSchema = z.object({ nonce: z.string(), tag: z.string(), data: z.string(), updatedAtMs: z.int() });
const fileSchema = z.object({ v: z.literal(1), entries: z.record(z.string(), sealedSchema) });
type Sealed = z.infer<typeof sealedSchema>;
type Entries = ReadonlyMap<string, Sealed>;

export function makeFileSecrets({ file, keyFile, tenant, clock }: FileSecretsOptions): SecretStore {
  const full = (path: string) => `${tenant}/${path}`;
  const load = async (): Promise<Entries> => {
    const text = await readText(file);
    return new Map(text === undefined ? [] : Object.entries(fileSchema.parse(JSON.parse(text)).entries));
  };
  const store = (entries: Entries) =>
    replaceFile(file, `${JSON.stringify({ v: 1, entries: Object.fromEntries(entries) })}\n`);
  const below = (entries: Entries, folder: string) =>
    [...entries].filter(([path]) => path.startsWith(`${full(folder)}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
  const relative = (path: string) => path.slice(tenant.length + 1);

  let last: Promise<unknown> = Promise.resolve();
  /** One after the other, whatever became of those before. */
  const inTurn = <T>(call: () => Promise<T>): Promise<T> => {
    const mine = last.then(call, call);
    last = mine;
    return mine;
  };

  return {
    put: (path, value) =>
      inTurn(async () => {
        const entries = await load();
        const key = (await loadKey(keyFile)) ?? (await makeKey(keyFile, entries.size));
        await store(new Map(entries).set(full(path), seal(key, full(path), value, clock.nowMs())));
      }),
    read: (path) =>
      inTurn(async () => {
        const sealed = (await load()).get(full(path));
        return sealed === undefined ? undefined : unseal(await neededKey(keyFile), full(path), sealed);
      }),
    readAll: (folder) =>
      inTurn(async () => {
        const found = below(await load(), folder);
        if (found.length === 0) return new Map();
        const key = await neededKey(keyFile);
        return new Map(found.map(([path, sealed]) => [relative(path), unseal(key, path, sealed)]));
      }),
    list: (folder) =>
      inTurn(async () =>
        below(await load(), folder).map(
          ([path, { updatedAtMs }]): SecretEntry => ({ path: relative(path), updatedAtMs }),
        ),
      ),
    remove: (path) =>
      inTurn(async () => {
        const entries = new Map(await load());
        const known = entries.delete(full(path));
        if (known) await store(entries);
        return known;
      }),
  };
}

const authenticated = (path: string, updatedAtMs: number) => Buffer.from(`${updatedAtMs} ${path}`);

function seal(key: Buffer, path: string, value: string, updatedAtMs: number): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(authenticated(path, updatedAtMs));
  const data = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return { nonce: base64(nonce), tag: base64(cipher.getAuthTag()), data: base64(data), updatedAtMs };
}

/** Throws where file or key is not what it was written with. */
function unseal(key: Buffer, path: string, { nonce, tag, data, updatedAtMs }: Sealed): string {
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, "base64url"), { authTagLength: 16 })
    .setAAD(authenticated(path, updatedAtMs))
    .setAuthTag(Buffer.from(tag, "base64url"));
  try {
    return Buffer.concat([decipher.update(Buffer.from(data, "base64url")), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new Error(`the secret ${path} cannot be decrypted: its file or its key was changed`, { cause });
  }
}

const base64 = (bytes: Buffer) => bytes.toString("base64url");

async function neededKey(keyFile: string): Promise<Buffer> {
  const key = await loadKey(keyFile);
  if (key === undefined) throw new Error(`there are secrets, but not their key: ${keyFile} is missing`);
  return key;
}

async function loadKey(keyFile: string): Promise<Buffer | undefined> {
  const text = await readText(keyFile);
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), "base64url");
  if (key.length !== KEY_BYTES) throw new Error(`${keyFile} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
}

/** Never beside secrets of another key: what they hold would be lost with it. */
async function makeKey(keyFile: string, secrets: number): Promise<Buffer> {
  if (secrets > 0) throw new Error(`there are secrets, but not their key: ${keyFile} is missing`);
  const key = randomBytes(KEY_BYTES);
  await replaceFile(keyFile, `${base64(key)}\n`);
  return key;
}

/** Whole or not at all, and safely on disk when it returns: the new name too, which is the folder's (fsync(2)). */
async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    await withHandle(draft, "w", async (handle) => {
      await handle.chmod(PRIVATE);
      await handle.writeFile(text);
      await handle.sync();
    });
    await rename(draft, file);
    await withHandle(dirname(file), "r", (folder) => folder.sync());
  } catch (error) {
    await removeFile(draft);
    throw error;
  }
}

async function withHandle(path: string, flags: string, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags, PRIVATE);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
