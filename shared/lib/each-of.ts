/** Calls for each in order, at most `width` at a time. The first error is thrown, and what has not begun never does. */
export async function eachOf<T, R>(all: readonly T[], width: number, call: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = all.entries();
  let failed = false;
  const worker = async () => {
    for (const [at, one] of queue) {
      if (failed) return;
      try {
        results[at] = await call(one);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, all.length) }, worker));
  return results;
}
