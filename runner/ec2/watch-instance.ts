import { chmodSync, lstatSync, renameSync, writeFileSync } from "node:fs";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeFileNow } from "../../shared/lib/remove-tree.ts";
import type { HostNotice } from "../host-notice.ts";
import { wait } from "../wait.ts";
import { openAutoScaling } from "./auto-scaling.ts";
import type { InstanceMetadata } from "./instance-metadata.ts";
import { makeScaleInProtection } from "./scale-in-protection.ts";
import { spotNotice } from "./spot-notice.ts";

/** How late the group may hear that a lease is held, beside its own call. */
const LOOK_MS = 500;

export interface WatchedInstance {
  close(): Promise<void>;
}

/** Hands a spot notice to the runner, and keeps the instance from scale-in while the runner's file says that it is busy. */
export function watchInstance(deps: {
  readonly metadata: InstanceMetadata;
  readonly region: string;
  readonly instanceId: string;
  /** Written by this, whole. */
  readonly noticeFile: string;
  /** The runner's: steps may make it, too, so no more is made of it than that it is there. */
  readonly busyFile: string;
  readonly say: (line: string) => void;
}): WatchedInstance {
  const { metadata, say } = deps;
  const closing = new AbortController();
  const trouble = (what: string) => (error: unknown) => say(`${what}: ${messageOf(error)}`);
  const protection = makeScaleInProtection({
    set: openAutoScaling(deps.region, deps.instanceId),
    onTrouble: trouble("scale-in protection could not be set"),
  });

  async function passNotice(): Promise<void> {
    removeFileNow(deps.noticeFile);
    const onTrouble = trouble("spot notices cannot be seen");
    const notice = await spotNotice({ metadata, onTrouble }, closing.signal);
    if (notice === undefined) return;
    writeWhole(deps.noticeFile, notice);
    say(`EC2 will ${notice.action} this instance at ${notice.time}`);
  }

  async function protectWhileBusy(): Promise<void> {
    while (!closing.signal.aborted) {
      protection.want(isThere(deps.busyFile));
      await wait(LOOK_MS, closing.signal);
    }
  }

  const watching = [passNotice().catch(trouble("a spot notice could not be passed on")), protectWhileBusy()];
  return {
    async close() {
      closing.abort();
      await Promise.all(watching);
      await protection.close();
    },
  };
}

function writeWhole(file: string, notice: HostNotice): void {
  const making = `${file}.new`;
  writeFileSync(making, JSON.stringify(notice));
  chmodSync(making, 0o644);
  renameSync(making, file);
}

const isThere = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isFile() === true;
