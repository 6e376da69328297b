import type { WatchdogHandle } from "./watchdog-handle.ts";

/** Kept warm while nothing runs, so that the next attempt does not wait 25 ms for a process. */
const SPARE = 1;
/** How long after a burst the others are kept. */
const IDLE_KEEP_MS = 10_000;
/** A spare is started this long after the last was taken: out of the way of the attempt's own start. */
const SPARE_DELAY_MS = 100;

/** Warm watchdogs: one for each running attempt, one spare at idle. */
export interface WatchdogPool {
  take(): WatchdogHandle;
  /** Takes one back that holds nothing. Unless it is `clean`, with nothing left behind, it is not used again. */
  giveBack(watchdog: WatchdogHandle, clean: boolean): void;
  close(): Promise<void>;
}

/** `busyMax`: how many may ever be needed at once. */
export function makeWatchdogPool(start: () => WatchdogHandle, busyMax: number): WatchdogPool {
  let idle: WatchdogHandle[] = [start()];
  let busy = 0;
  let closed = false;
  let trimming: NodeJS.Timeout | undefined;

  function forgetDead(): void {
    idle = idle.filter((one) => one.isAlive());
  }

  function addSpare(): void {
    forgetDead();
    if (!closed && idle.length < SPARE && busy < busyMax) idle.push(start());
  }

  function trim(): void {
    forgetDead();
    for (const one of idle.splice(SPARE)) one.dismiss();
  }

  return {
    take() {
      forgetDead();
      busy += 1;
      setTimeout(addSpare, SPARE_DELAY_MS).unref();
      return idle.pop() ?? start();
    },
    giveBack(watchdog, clean) {
      busy -= 1;
      if (closed || !clean || !watchdog.isAlive()) return watchdog.dismiss();
      watchdog.listen(() => undefined);
      idle.push(watchdog);
      clearTimeout(trimming);
      trimming = setTimeout(trim, IDLE_KEEP_MS).unref();
    },
    async close() {
      closed = true;
      clearTimeout(trimming);
      const all = idle;
      idle = [];
      for (const one of all) one.dismiss();
      await Promise.all(all.map((one) => one.exited));
    },
  };
}
