import { randomBytes } from "node:crypto";
import { accessSync, chmodSync, constants, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { makeFolderPath } from "../shared/lib/make-folder-path.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { parseJson } from "../shared/lib/parse-json.ts";
import { removeFileNow } from "../shared/lib/remove-tree.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import { damagedFile, StartFailure } from "./start-failure.ts";

/** The state folder: who may read it, and what its files are called. */

export interface StateFolder {
  readonly dir: string;
  /** False: what is written need not outlive a power failure, and is not waited for. */
  readonly durable: boolean;
  readonly lockFile: string;
  /** API token with every scope. */
  readonly tokenFile: string;
  /** API token of scope `runner` alone. */
  readonly runnerTokenFile: string;
  readonly signingKeyFile: string;
  /** Secrets, encrypted; their key is beside it, under this name and `-key`. */
  readonly secretsFile: string;
  /** What runs here now: `{url, pid}`; gone after a graceful stop. */
  readonly stackFile: string;
  /** The port that presigned links and runner sessions were given, so that they outlive a restart. */
  readonly awsPortFile: string;
  readonly tableFile: string;
  readonly awsDir: string;
  /** Large objects, one file each. */
  readonly objectsDir: string;
}

export function stateFolder(path: string, durable: boolean): StateFolder {
  const dir = resolve(path);
  return {
    dir,
    durable,
    lockFile: join(dir, "lock"),
    tokenFile: join(dir, "token"),
    runnerTokenFile: join(dir, "runner-token"),
    signingKeyFile: join(dir, "signing-key"),
    secretsFile: join(dir, "secrets"),
    stackFile: join(dir, "stack.json"),
    awsPortFile: join(dir, "aws-port"),
    tableFile: join(dir, "table.db"),
    awsDir: join(dir, "queues-and-bucket"),
    objectsDir: join(dir, "large-objects"),
  };
}

/** Makes the folder, for its owner alone. Fails `state_unwritable`. */
export function prepareFolder(dir: string): void {
  let owner: number;
  try {
    makeFolderPath(dir, 0o700);
    owner = statSync(dir).uid;
    if (owner === process.getuid?.()) chmodSync(dir, 0o700);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = systemCode(cause) ?? messageOf(cause);
    throw new StartFailure("state_unwritable", `the state folder ${dir} cannot be written (${why})`, { cause });
  }
  // Its owner reads what is in it, whatever its mode, and may have made it for that.
  if (owner === process.getuid?.()) return;
  const message = `the state folder ${dir} belongs to another user (uid ${owner}): name one of your own with --state`;
  throw new StartFailure("state_unwritable", message);
}

/** Writes a file of the folder for its owner alone, whole or not at all: a crash leaves the old one. */
export function writePrivateFile({ durable }: Pick<StateFolder, "durable">, path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flush: durable });
    renameSync(temporary, path);
  } catch (cause) {
    removeFileNow(temporary);
    throw new StartFailure("state_unwritable", `${path} cannot be written: ${fileTrouble(cause)}`, { cause });
  }
}

/** The trimmed text of a file, or undefined where there is none. */
export function readTextFile(path: string): string | undefined {
  try {
    // To read a pipe would wait for ever, and hear no signal meanwhile.
    const seen = statSync(path);
    if (!seen.isFile() && !seen.isDirectory()) throw new Error("it is a pipe or a device, and no file");
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw new StartFailure("state_damaged", `${path} cannot be read: ${fileTrouble(cause)}`, { cause });
  }
}

const SIGNING_KEY_BYTES = 32;

/** The first signing key (base64url), made on the first start. */
export function ensureSigningKey(folder: StateFolder): string {
  const first = readTextFile(folder.signingKeyFile)?.split("\n")[0]?.trim();
  if (first !== undefined && first !== "") {
    readSigningKeys(folder);
    return first;
  }
  const key = randomBytes(SIGNING_KEY_BYTES).toString("base64url");
  writePrivateFile(folder, folder.signingKeyFile, `${key}\n`);
  return key;
}

/** All keys that verify, the first of them signs. Fails `state_damaged`. */
export function readSigningKeys(folder: StateFolder): Buffer[] {
  const lines = (readTextFile(folder.signingKeyFile) ?? "").split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "");
  if (keys.every((key) => KEY.test(key))) return keys.map((key) => Buffer.from(key, "base64url"));
  const remedy =
    "remove it and start again; runners then open new sessions, and links to logs and artifacts are made anew";
  throw damagedFile(folder.signingKeyFile, "it holds no keys of 32 bytes, a line each", remedy);
}
/** 32 bytes or more, base64url. */
const KEY = /^[A-Za-z0-9_-]{43,}=*$/;

/** Refuses secrets that could not be read when a job needs them. Fails `state_damaged`. */
export function checkSecrets({ secretsFile }: StateFolder): void {
  const text = readTextFile(secretsFile);
  if (text === undefined) return;
  // What a parser says shows a piece of the file.
  if (parseJson(text) === undefined) throw damagedFile(secretsFile, "it is not JSON", LOST_SECRETS);
  const keyFile = `${secretsFile}-key`;
  const key = readTextFile(keyFile);
  if (key !== undefined && !KEY.test(key)) throw damagedFile(keyFile, "it holds no key of 32 bytes", LOST_SECRETS);
}
const LOST_SECRETS = "restore it from a copy, or remove both secrets and secrets-key and set all secrets again";
