/** The value below which a share of the sorted values lies (nearest rank). Throws for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (found === undefined) throw new Error("a percentile of no values");
  return found;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Smallest to largest, for people. */
export function spread(values: readonly number[], digits = 0): string {
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
}
