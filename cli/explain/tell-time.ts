/** What an explanation knows of time: now, and how a moment and a span read. Injected, so that tests have one clock. */
export interface TellTime {
  readonly nowMs: number;
  at(atMs: number): string;
  span(durationMs: number): string;
}
