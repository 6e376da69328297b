import { normalize } from "./normalize.ts";
import type { State } from "./state.ts";
import { approve } from "./steps/approve.ts";
import { attempts } from "./steps/attempts.ts";
import { checkOffers, claims } from "./steps/claims.ts";
import { lastWords } from "./steps/last-words.ts";
import { reconcile } from "./steps/reconcile.ts";
import { settle } from "./steps/settle.ts";
import type { Emit, Steps } from "./steps/step.ts";
import { ticks } from "./steps/ticks.ts";
import { time } from "./steps/time.ts";
import { user } from "./steps/user.ts";
import type { Context } from "./world.ts";

const ALL: readonly Steps[] = [user, approve, claims, attempts, lastWords, reconcile, settle, ticks, time];

/** Every state that may come next, in an order that only depends on the state. Throws a Violation. */
export function successors(context: Context, state: State, emit: Emit): void {
  checkOffers(context, state);
  for (const steps of ALL) steps(context, state, (next, say) => emit(normalize(context, next), say));
}
