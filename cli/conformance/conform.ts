import { setTimeout as wait } from "node:timers/promises";
import { openOfferQueue } from "../../runner/offer-queue.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import type { Client } from "../../shared/protocol/client.ts";
import type { Session } from "../../shared/protocol/leases.ts";
import { makeBench } from "./bench.ts";
import { type Check, Disturbed, Late, Violation } from "./check.ts";
import { makeOwnOffers, type OwnOffers } from "./own-offers.ts";

/** How a check came out. `unclear`: each time runners of the pool were faster, or the control plane gave no answer. */
export interface CheckResult {
  readonly id: string;
  readonly proves: string;
  readonly invariants: readonly number[];
  readonly verdict: "holds" | "broken" | "unclear";
  readonly ms: number;
  /** What happened, where it does not hold. */
  readonly detail?: string;
}

export interface ConformOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly pool: string;
  readonly project: string;
  readonly onResult: (result: CheckResult) => void | Promise<void>;
}

/** Tries of a check that came to nothing: runners took its jobs, no answer came, or none came in time. */
const TRIES_MAX = 4;
/** Before the second try, and twice as long before each next one: a busy machine gets time. */
const PAUSE_MS = 500;

/** Runs the checks: slow ones beside the others, which come one after the other. Results come in the checks' order. */
export async function conform(checks: readonly Check[], options: ConformOptions): Promise<CheckResult[]> {
  const { client, pool } = options;
  const session = await client.call("openSession", { body: { name: "conformance", pools: [pool], slots: 1 } });
  const [served] = session.pools;
  if (served === undefined) throw new Error(`the session has no queue of pool ${pool}`);
  // An offer that stays is answered `gone` to whoever takes it: no reason to fail.
  const queue = openOfferQueue(
    session,
    () => undefined,
    () => undefined,
  );
  const offers = makeOwnOffers(queue, served);
  const judge = async (check: Check) => {
    const result = await judgeCheck(check, options, session, offers);
    await options.onResult(result);
    return result;
  };
  const slow = Promise.all(checks.filter((check) => check.slow).map(judge));
  const results: CheckResult[] = [];
  for (const check of checks) if (!check.slow) results.push(await judge(check));
  results.push(...(await slow));
  await offers.clear();
  return checks.flatMap(({ id }) => results.filter((result) => result.id === id));
}

async function judgeCheck(
  check: Check,
  options: ConformOptions,
  session: Session,
  offers: OwnOffers,
): Promise<CheckResult> {
  const { clock } = options;
  const { id, proves, invariants } = check;
  const startedAtMs = clock.monotonicMs();
  const judged = (verdict: CheckResult["verdict"], detail?: string): CheckResult => {
    const result = { id, proves, invariants, verdict, ms: Math.round(clock.monotonicMs() - startedAtMs) };
    return detail === undefined ? result : { ...result, detail };
  };
  let last: unknown;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (tries > 0 && !(last instanceof Disturbed)) await wait(PAUSE_MS * 2 ** (tries - 1));
    const bench = makeBench({ ...options, session, offers });
    try {
      await check.run(bench);
      await bench.tidy();
      return judged("holds");
    } catch (error) {
      const left = await bench.tidy().then(
        () => undefined,
        (cause: unknown) => new Error(`what it left could not be ended: ${messageOf(cause)}`, { cause }),
      );
      if (error instanceof Violation) return judged("broken", error.message);
      last = error instanceof Disturbed ? (left ?? error) : error;
    }
  }
  if (last instanceof Late) return judged("broken", `${last.message}, in each of ${TRIES_MAX} tries`);
  const advice = last instanceof Disturbed ? "; name a pool without runners" : `, in each of ${TRIES_MAX} tries`;
  return judged("unclear", `${messageOf(last)}${advice}`);
}
