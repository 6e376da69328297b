const SKIP = /\[(?:skip ci|ci skip|no ci)\]/i;

/** What a commit's message holds where its author wants no run of this push, as it is written there; or undefined. */
export function skipWordsOf(message: string): string | undefined {
  return SKIP.exec(message)?.[0];
}
