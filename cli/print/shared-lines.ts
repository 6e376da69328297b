import type { Output } from "./output.ts";

/** One output for the lines of several jobs: a line that has no end yet is ended before anybody else's begins. */
export interface SharedLines extends Output {
  /** Writes a piece of a line. It stays open for its owner alone. */
  piece(owner: object, text: string): void | Promise<void>;
  /** Whether this owner's line still stands open, so that it may go on. */
  isOpen(owner: object): boolean;
}

export function shareLines(output: Output): SharedLines {
  let open: object | undefined;
  const ending = (owner?: object): string => (open === undefined || open === owner ? "" : "\n");
  return {
    write(text) {
      const end = ending();
      open = undefined;
      return output.write(end + text);
    },
    piece(owner, text) {
      const end = ending(owner);
      open = text.endsWith("\n") ? undefined : owner;
      return output.write(end + text);
    },
    isOpen: (owner) => open === owner,
  };
}
