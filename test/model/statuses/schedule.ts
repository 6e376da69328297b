/**
 * Runs programs in every order of their steps, on the real code: each call of the table or the forge waits until the schedule
 * lets it go on. A schedule is a list of choices; the next one differs from it at the last choice that has another way.
 */

export interface Stepper {
  /** What a program waits for before each of its calls. Never resolves for a program that has died. */
  step(program: number): Promise<void>;
}

export interface Execution {
  /** Starts the programs; each resolves when it has ended. */
  readonly start: (stepper: Stepper) => readonly Promise<unknown>[];
  /** Looks at what is left when all of them have ended or died. Throws where it is wrong. */
  readonly end: () => Promise<void>;
}

interface Limits {
  /** Programs that may die, at any of their calls. */
  readonly deathsMax: number;
  /** Times that the schedule may turn from a program that could go on. */
  readonly turnsMax: number;
  readonly schedulesMax: number;
}

/** How many schedules there are. Throws what the first wrong one threw, with its choices. */
export async function exploreSchedules(make: () => Execution, limits: Limits): Promise<number> {
  let choices: number[] = [];
  for (let schedules = 1; schedules <= limits.schedulesMax; schedules += 1) {
    const { taken, ways } = await execute(make(), choices, limits);
    let last = ways.length - 1;
    while (last >= 0 && (taken[last] ?? 0) + 1 >= (ways[last] ?? 0)) last -= 1;
    if (last < 0) return schedules;
    choices = [...taken.slice(0, last), (taken[last] ?? 0) + 1];
  }
  throw new Error(`there are more than ${limits.schedulesMax} schedules`);
}

async function execute({ start, end }: Execution, choices: readonly number[], limits: Limits) {
  const waiting = new Map<number, () => void>();
  const over = new Set<number>();
  const stepper = { step: (program: number) => new Promise<void>((go) => void waiting.set(program, go)) };
  const programs = start(stepper);
  const ended = programs.map((program, at) => program.catch(() => undefined).then(() => void over.add(at)));
  const taken: number[] = [];
  const ways: number[] = [];
  let [deaths, turns, current] = [0, 0, 0];
  const settle = () => until(() => programs.every((_, at) => over.has(at) || waiting.has(at)));
  for (await settle(); over.size < programs.length; await settle()) {
    const others = [...waiting.keys()].filter((at) => at !== current).sort((a, b) => a - b);
    const canStay = waiting.has(current);
    const going = [...(canStay ? [current] : []), ...(canStay && turns >= limits.turnsMax ? [] : others)];
    const dying = deaths < limits.deathsMax && canStay ? [current] : [];
    const choice = choices[taken.length] ?? 0;
    taken.push(choice);
    ways.push(going.length + dying.length);
    if (choice >= going.length) {
      deaths += 1;
      waiting.delete(current);
      over.add(current);
      continue;
    }
    const next = going[choice] ?? current;
    if (canStay && next !== current) turns += 1;
    current = next;
    const go = waiting.get(next);
    waiting.delete(next);
    go?.();
  }
  void ended;
  try {
    await end();
  } catch (error) {
    throw new Error(`schedule ${JSON.stringify(taken)}: ${String(error)}`, { cause: error });
  }
  return { taken, ways };
}

const PATIENCE = 10_000;

/** Programs do nothing but call what waits, so that each is at rest after some turns of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < PATIENCE; turn += 1) {
    if (isSo()) return;
    await new Promise<void>((done) => void setImmediate(done));
  }
  throw new Error("a program waits for nothing that the schedule knows");
}
