import type { Store } from "../../shared/store/store.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { injectedFault } from "./drive.ts";

/** Deps whose writes fail or are repeated: what a crash, a lost answer and a retry by the SDK look like to a use case. */

const WRITES = ["apply", "birth", "birthEach", "addToken"] as const;
type Write = (typeof WRITES)[number];

export type Moment = "before" | "after";

export interface CountedDeps {
  readonly deps: Deps;
  /** Writes so far. */
  readonly writes: () => number;
}

/**
 * From the nth write on the process is dead: the nth fails before or after it has landed, and nothing that follows is
 * written or sent.
 */
export function dyingAt(deps: Deps, nth: number, moment: Moment): CountedDeps {
  let count = 0;
  const around = async <T>(write: () => Promise<T>): Promise<T> => {
    count += 1;
    if (count > nth || (count === nth && moment === "before")) throw injectedFault(`before write ${count}`);
    const answer = await write();
    if (count >= nth) throw injectedFault(`after write ${nth}`);
    return answer;
  };
  const alive = async <T>(send: () => Promise<T>): Promise<T> => {
    if (count >= nth) throw injectedFault("the process is dead");
    return send();
  };
  const { queues } = deps;
  return {
    writes: () => count,
    deps: {
      ...deps,
      store: aroundWrites(deps.store, around),
      queues: {
        ...queues,
        sendOffers: (offers) => alive(() => queues.sendOffers(offers)),
        sendTick: (tick, delayMs) => alive(() => queues.sendTick(tick, delayMs)),
        sendPlan: (plan) => alive(() => queues.sendPlan(plan)),
        sendReport: (ref, delayMs) => alive(() => queues.sendReport(ref, delayMs)),
      },
    },
  };
}

/** Every write is sent twice, and the second answer is the one that is seen: an SDK whose first answer was lost. */
export function writingTwice(deps: Deps): Deps {
  return {
    ...deps,
    store: aroundWrites(deps.store, async (write) => {
      await write();
      return write();
    }),
  };
}

/** The writes that the predicate picks, by their number from 1, fail before they land. */
export function failingSome(deps: Deps, fails: (nth: number) => boolean): Deps {
  let count = 0;
  return {
    ...deps,
    store: aroundWrites(deps.store, async (write) => {
      count += 1;
      if (fails(count)) throw injectedFault(`write ${count}`);
      return write();
    }),
  };
}

function aroundWrites(store: Store, around: <T>(write: () => Promise<T>) => Promise<T>): Store {
  const wrapped: Pick<Store, Write> = {
    apply: (move, key, args, cause) => around(() => store.apply(move, key, args, cause)),
    birth: (items) => around(() => store.birth(items)),
    birthEach: (items) => around(() => store.birthEach(items)),
    addToken: (item) => around(() => store.addToken(item)),
  };
  return { ...store, ...wrapped };
}

/** Queues that never take a message. */
export function muteQueues(deps: Deps): Deps {
  const fail = async (): Promise<never> => {
    throw injectedFault("the queue is down");
  };
  return {
    ...deps,
    queues: { sendOffers: fail, sendTick: fail, sendPlan: fail, sendReport: fail, visibleOffers: fail, ping: fail },
  };
}
