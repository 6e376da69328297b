/**
 * What the parser of YAML says of mistakes in structure, in words that say what to do. Mistakes of single values, which are
 * to be quoted, are told in `syntax-message.ts`.
 */

/** The lines around a mistake. */
export interface Place {
  /** Without spaces at its end. */
  readonly line: string;
  /** The last line above it that is not empty. */
  readonly above: string;
}

/** By the parser's own message: the first that matches. */
const WORDS: readonly (readonly [message: RegExp, words: string | ((place: Place) => string | undefined)])[] = [
  [/Nested mappings are not allowed in compact/, tellDeeperLine],
  [
    /Sequence item without -/,
    "this belongs to no item of the list above: begin it with a dash, or at the column of the item's first key",
  ],
  [/All sequence items must start at the same column/, "the dashes of one list must stand in the same column"],
  [/All mapping items must start at the same column/, "entries of one map must start at the same column"],
  [/Implicit map keys need to be followed by map values/, tellMissingColon],
  [/Implicit keys need to be on a single line/, tellMissingColon],
  [/Block scalar lines must not be less indented/, "this line is indented less than the first one of its block"],
  [
    /more-indented leading empty lines/,
    "the first line of a block must be indented as deep as the empty lines before it",
  ],
  [
    /Flow sequence .*end with a \]/,
    "a list that begins with [ above is not closed: ] is missing, or its lines must be indented deeper",
  ],
  [
    /Flow map .*end with a \}/,
    "a map that begins with { above is not closed: } is missing, or its lines must be indented deeper",
  ],
  [/Unexpected , in|Unexpected empty item/, "there is a comma too many"],
  [/Missing , (?:or : )?between/, "a comma is missing between two values"],
  [/Missing space after :/, "a space is missing after the colon"],
  [/The : indicator must be at most 1024/, "a key has more than 1,024 characters"],
  [/Invalid escape sequence/, "in double quotes a backslash begins an escape; put the value in single quotes"],
  [/Comments must be separated/, "a space is missing before the #; if it is no comment, quote the whole value"],
  [
    /Unexpected \S+ token in YAML stream|Unexpected \S+ at node end/,
    "this belongs to nothing that stands above: look at its indentation, and at the line before",
  ],
];

/** Signs of a file that is as a whole not what it should be; then what YAML says of it leads nowhere. */
const MARKS: readonly (readonly [line: RegExp, words: string])[] = [
  [/^(?:<{7}|={7}|>{7}|\|{7})(?: |$)/, "a conflict of a merge is not resolved here"],
  [/\r./, "a carriage return alone ends no line: save the file with line feeds"],
  [/^ *\t/, "a tab cannot indent YAML; use spaces"],
  [/^ *[\u00a0\u2000-\u200b\u3000]/, "a blank that is no space cannot indent YAML; use spaces"],
];

/** Words for a mistake of structure, where there are some. */
export function tellStructure(message: string, place: Place): string | undefined {
  const [, words] = WORDS.find(([known]) => known.test(message)) ?? [];
  return typeof words === "function" ? words(place) : words;
}

/** What the line itself shows, whatever the parser makes of it. */
export function tellLine(line: string): string | undefined {
  return MARKS.find(([mark]) => mark.test(line))?.[1];
}

const KEY = /^\s*(?:-\s+)*([\w.-]+):/;

function tellDeeperLine({ line }: Place): string | undefined {
  const key = KEY.exec(line)?.[1];
  if (key === undefined) return undefined;
  return `the line below is indented deeper than "${key}": keys of one map start at the same column, and text of several lines follows "${key}: |"`;
}

function tellMissingColon({ line, above }: Place): string | undefined {
  const key = KEY.exec(above)?.[1];
  if (key !== undefined && /:\s+[|>][-+\d]*$/.test(above))
    return `the lines of a block are indented deeper than its key "${key}"`;
  if (key !== undefined && /:$/.test(above) && !/^\s*[\w.-]+$/.test(line))
    return `text of several lines needs a "|": write "${key}: |" above it`;
  return undefined;
}
