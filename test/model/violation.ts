/** An invariant that does not hold, by its number in docs/ARCHITECTURE.md (DESIGN section 6, and 22). */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: number;

  constructor(invariant: number, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

/** Throws where the invariant does not hold. The message is only made then. */
export function holdsOr(invariant: number, condition: boolean, message: () => string): void {
  if (!condition) throw new Violation(invariant, message());
}
