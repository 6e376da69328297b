/** The runner's slots: a fair counting semaphore. A poll holds as many as the offers that it may bring. */
export interface Slots {
  /** Takes one slot, in the order of asking. False when the signal came first. */
  acquire(signal: AbortSignal): Promise<boolean>;
  /** Takes one more if it is free and nobody waits. */
  tryAcquire(): boolean;
  release(): void;
  free(): number;
}

export function makeSlots(count: number): Slots {
  let free = count;
  const waiting: Array<() => void> = [];

  function release(): void {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }

  return {
    async acquire(signal) {
      if (signal.aborted) return false;
      if (free > 0 && waiting.length === 0) {
        free -= 1;
        return true;
      }
      return new Promise((resolve) => {
        const granted = () => {
          signal.removeEventListener("abort", gaveUp);
          resolve(true);
        };
        const gaveUp = () => {
          waiting.splice(waiting.indexOf(granted), 1);
          resolve(false);
        };
        waiting.push(granted);
        signal.addEventListener("abort", gaveUp, { once: true });
      });
    },
    tryAcquire() {
      if (free === 0 || waiting.length > 0) return false;
      free -= 1;
      return true;
    },
    release,
    free: () => free,
  };
}
