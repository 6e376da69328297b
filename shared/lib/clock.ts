/** Time is injected: wall time for what is stored, monotonic time for durations. Both in milliseconds. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** When this process started, in Unix milliseconds. */
export const processStartedAtMs: number = Math.round(performance.timeOrigin);
