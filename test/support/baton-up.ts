import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, makeClient } from "../../shared/protocol/client.ts";
import { eventually } from "./eventually.ts";

/** A `baton up` in a folder of its own, as a user starts it, on any free port. */
export interface BatonUp {
  readonly url: string;
  readonly client: Client;
  readonly pid: number;
  /** Where it was started; its state is in `state`. */
  readonly folder: string;
  /** A folder that steps and the test share, whatever the sandbox hides. */
  readonly shared: string;
  /** SIGTERM, and waits for the end; the folder stays. */
  stop(): Promise<void>;
  /** Kills it, where it still lives, and removes the folder. */
  discard(): Promise<void>;
}

const BATON = fileURLToPath(new URL("../../cli/baton.mjs", import.meta.url));
const READY_MS = 30_000;

/** `folder` of an earlier one finds its state again. */
export async function batonUp(options: { slots: number; folder?: string; args?: readonly string[] }): Promise<BatonUp> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "baton-up-"));
  const state = join(folder, "state");
  const shared = join(folder, "shared");
  mkdirSync(shared, { recursive: true });
  const own = ["--port", "0", "--state", state, "--slots", String(options.slots), "--expose", shared];
  const args = ["up", ...(options.args ?? []), ...own];
  const child = spawn(process.execPath, [BATON, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part: Buffer) => {
      said += part.toString();
    });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  const url = await eventually(
    "baton up serves",
    () => {
      if (child.exitCode !== null) throw new Error(`baton up ended with ${child.exitCode}: ${said}`);
      return /Baton is up at (\S+)/.exec(said)?.[1];
    },
    READY_MS,
  );
  const token = readFileSync(join(state, "token"), "utf8").trim();
  return {
    url,
    client: makeClient({ url, token }),
    pid: child.pid ?? 0,
    folder,
    shared,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
    async discard() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}
