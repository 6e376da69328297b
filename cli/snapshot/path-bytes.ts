/** A file's name is bytes, not always UTF-8: this keeps each byte as one character. */
const PATH_BYTES = "latin1";

/** A path as git lists it, each byte one character. It sorts as git sorts. */
export type BytePath = string;

export const toBytePath = (path: string): BytePath => Buffer.from(path).toString(PATH_BYTES);
export const bytesOf = (path: BytePath): Buffer => Buffer.from(path, PATH_BYTES);
const readPath = (bytes: Buffer): BytePath => bytes.toString(PATH_BYTES);

/** As people read it. */
const shownPath = (path: BytePath): string => bytesOf(path).toString("utf8");

/** The path as Node takes one; undefined where it is not UTF-8. */
export function textPath(path: BytePath): string | undefined {
  const text = shownPath(path);
  return bytesOf(path).equals(Buffer.from(text)) ? text : undefined;
}

/** Entries of git's `-z` output. */
export const splitNul = (output: Buffer): BytePath[] => readPath(output).split("\0").filter(Boolean);

/** As git reads a path on a line of its own (`--stdin-paths`): quoted, so that any byte may stand in it. */
export function quotedLine(path: BytePath): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is quoted
  const quoted = path.replace(/[\u0000-\u001f"\\\u007f-\u00ff]/g, (char) => {
    return `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
  return `"${quoted}"\n`;
}

const NAMES_MAX = 5;
const NAME_LENGTH_MAX = 120;

/** The first of many names, and how many more there are: one line, whatever the tree holds. */
export function someOf(paths: readonly BytePath[]): string {
  const names = paths.slice(0, NAMES_MAX).map((path) => {
    const shown = shownPath(path);
    return shown.length <= NAME_LENGTH_MAX ? shown : `…${shown.slice(-NAME_LENGTH_MAX)}`;
  });
  const more = paths.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more.toLocaleString("en-US")} more` : ""}`;
}
