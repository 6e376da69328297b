/** Callers who may have so much of the process at once, and no more. */
export interface Lane {
  /** The work's result, when it has had its turn; "full" where too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T | "full">;
}

/** `atOnceMax` are at work, `waitingMax` more wait for it in the order in which they came. */
export function makeLane({ atOnceMax, waitingMax }: { atOnceMax: number; waitingMax: number }): Lane {
  const waiting: (() => void)[] = [];
  let atWork = 0;
  return {
    async run(work) {
      if (atWork >= atOnceMax) {
        if (waiting.length >= waitingMax) return "full";
        // Whoever leaves passes its place on.
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else atWork += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) atWork -= 1;
        else next();
      }
    },
  };
}

/** For those who renew leases: they wait for nobody. */
export const NO_LANE: Lane = { run: (work) => work() };
