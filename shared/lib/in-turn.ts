/** The same call, but one at a time, in the order in which they were asked for. One that fails keeps no other from its turn. */
export function inTurn<A extends readonly unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let turn: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const mine = turn.then(() => call(...args));
    // Its caller hears of a failure; who comes next does not care.
    turn = mine.catch(() => undefined);
    return mine;
  };
}
