import { InvalidArgumentError, Option } from "commander";

/** The control plane of commands that talk to one. */
export const urlOption = (): Option => new Option("--url <url>", "the control plane");

/** The examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join("")}`;
}

/** Parses an option's value, and refuses what is out of its bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Parses an argument that names something. An empty one, as of a variable that is not set, would ask for another path. */
export function named(text: string): string {
  if (text === "") throw new InvalidArgumentError("It is missing: the text is empty.");
  return text;
}
