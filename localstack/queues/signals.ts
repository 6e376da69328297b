/** Wakes those who wait for something to happen to a queue. */
export interface Signals {
  /** Something happened to this queue: everybody who waits for it looks again. */
  raise(queue: string): void;
  /** Settles when the queue is signalled, or after so long. */
  wait(queue: string, ms: number): Promise<void>;
  /** Ends every wait, for good. */
  close(): void;
  closed(): boolean;
}

export function makeSignals(): Signals {
  const waiting = new Map<string, Set<() => void>>();
  let closed = false;
  const raise = (queue: string): void => {
    for (const wake of [...(waiting.get(queue) ?? [])]) wake();
  };
  return {
    raise,
    wait: (queue, ms) =>
      new Promise((resolve) => {
        const wakers = waiting.get(queue) ?? new Set();
        waiting.set(queue, wakers);
        const wake = (): void => {
          clearTimeout(timer);
          wakers.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        wakers.add(wake);
      }),
    close() {
      closed = true;
      for (const queue of waiting.keys()) raise(queue);
    },
    closed: () => closed,
  };
}
