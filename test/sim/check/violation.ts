/** An invariant of DESIGN section 6 that does not hold; 0 for what no number stands for. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: number;

  constructor(invariant: number, message: string) {
    super(`invariant ${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/** Tells what a check found. It goes on: the world stops at the end of the event. */
export type Report = (invariant: number, message: string) => void;
