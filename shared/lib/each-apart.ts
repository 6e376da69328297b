import { eachOf } from "./each-of.ts";

/**
 * Calls for each in order, at most `width` at a time, whatever becomes of the others; answers how many said true. Where
 * calls failed, throws all of their errors after the last one: an `AggregateError`.
 */
export async function eachApart<T>(
  all: readonly T[],
  width: number,
  call: (one: T) => Promise<boolean>,
): Promise<number> {
  const errors: unknown[] = [];
  const answers = await eachOf(all, width, async (one) => {
    try {
      return await call(one);
    } catch (error) {
      errors.push(error);
      return false;
    }
  });
  if (errors.length > 0)
    throw new AggregateError(errors, `${errors.length} of ${all.length} failed: ${errors.join("; ")}`);
  return answers.filter((answer) => answer).length;
}
