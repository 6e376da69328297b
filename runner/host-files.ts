import { writeFileSync } from "node:fs";
import type { Clock } from "../shared/lib/clock.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { readTextFile } from "../shared/lib/read-text-file.ts";
import { removeFileNow } from "../shared/lib/remove-tree.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import type { Emit, RunnerEvent } from "./events.ts";
import { type HostNotice, hostNotice } from "./host-notice.ts";
import { wait } from "./wait.ts";

/** Kept of the time until the host goes: to end steps and give leases back. */
const LAST_MS = 20_000;
const LOOK_MS = 1_000;
const NOTICE_BYTES_MAX = 4_096;

/**
 * What a runner and its host's service say to each other: the runner, by a file that is there while it holds a lease; the service,
 * by one that says that the host goes. So neither runner nor step needs to reach the instance's metadata.
 */
export interface HostFiles {
  /** Hears what the runner does. */
  heard(event: RunnerEvent): void;
  close(): Promise<void>;
}

export function keepHostFiles(deps: {
  readonly noticeFile: string | undefined;
  readonly busyFile: string | undefined;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Takes no more offers; attempts have so long to end. */
  readonly drain: (reason: string, withinMs: number) => void;
}): HostFiles {
  const { noticeFile, busyFile, clock, emit } = deps;
  const closing = new AbortController();
  let running = 0;

  function showBusy(): void {
    if (busyFile === undefined) return;
    try {
      if (running > 0) writeFileSync(busyFile, "");
      else removeFileNow(busyFile);
    } catch (error) {
      emit({ type: "trouble", message: `--busy-file: ${messageOf(error)}` });
    }
  }

  async function heedNotice(file: string): Promise<void> {
    const notice = await firstNotice(file, closing.signal);
    if (notice === undefined) return;
    const inMs = Math.max(0, Date.parse(notice.time) - clock.nowMs());
    emit({ type: "interruption", action: notice.action, inMs });
    deps.drain(`EC2 will ${notice.action} this instance`, Math.max(0, inMs - LAST_MS));
  }

  const onTrouble = (error: unknown) => emit({ type: "trouble", message: `--notice-file: ${messageOf(error)}` });
  const noticing = noticeFile === undefined ? undefined : heedNotice(noticeFile).catch(onTrouble);
  return {
    heard(event) {
      if (event.type === "attempt_started") running += 1;
      else if (event.type === "attempt_ended") running -= 1;
      else return;
      showBusy();
    },
    async close() {
      closing.abort();
      await noticing;
    },
  };
}

async function firstNotice(file: string, signal: AbortSignal): Promise<HostNotice | undefined> {
  while (!signal.aborted) {
    try {
      return hostNotice.parse(JSON.parse(await readTextFile(file, { bytesMax: NOTICE_BYTES_MAX })));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
    await wait(LOOK_MS, signal);
  }
  return undefined;
}
