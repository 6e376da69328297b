import pc from "picocolors";

/** Colours of one stream: real ones, or none. */
export type Paint = ReturnType<typeof pc.createColors>;

export const makePaint = (colour: boolean): Paint => pc.createColors(colour);

const JOB_COLOURS = [
  "cyan",
  "magenta",
  "yellow",
  "blue",
  "green",
  "cyanBright",
  "magentaBright",
  "yellowBright",
] as const;

/** The colour of the nth job: neighbours differ, and a job keeps its own. */
export function jobColour(paint: Paint, index: number): (text: string) => string {
  return paint[JOB_COLOURS[index % JOB_COLOURS.length] ?? "cyan"];
}
