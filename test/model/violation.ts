/** An invariant of DESIGN section 6 that does not hold. `step` is the step that broke it, as a sentence. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: number;
  step: string;

  constructor(invariant: number, message: string, step = "") {
    super(message);
    this.invariant = invariant;
    this.step = step;
  }
}

/** Throws where the invariant does not hold. The message is only made then. */
export function holdsOr(invariant: number, condition: boolean, message: () => string): void {
  if (!condition) throw new Violation(invariant, message());
}
