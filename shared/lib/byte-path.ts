import { isUtf8 } from "node:buffer";

/**
 * File names are bytes; here they are strings that lose none of them. What is no UTF-8, and line ends, which no glob
 * matches, stand as lone low surrogates U+DC00 + byte (PEP 383 calls it "surrogateescape"): no UTF-8 text has those.
 */

const ESCAPE = 0xdc00;
const LINE_ENDS = /[\n\r\u2028\u2029]/;
const LINE_ENDS_ALL = /[\n\r\u2028\u2029]/g;
/** With `u`, a pair of surrogates is one character and does not match. */
const ESCAPED = /[\u{DC00}-\u{DCFF}]/u;
const ESCAPED_RUNS = /[\u{DC00}-\u{DCFF}]+/gu;
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/u;
const CONTROLS_ALL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu;

/** The name as a string; `bytesOf` gives exactly these bytes back. */
export function nameOf(bytes: Buffer): string {
  const name = isUtf8(bytes) ? bytes.toString("utf8") : decoded(bytes);
  return withoutLineEnds(name);
}

/** What a pattern says in a pipeline, as names are here. */
export function withoutLineEnds(text: string): string {
  return LINE_ENDS.test(text) ? text.replace(LINE_ENDS_ALL, (end) => escaped(Buffer.from(end))) : text;
}

export function bytesOf(name: string): Buffer {
  if (!ESCAPED.test(name)) return Buffer.from(name);
  const parts: Buffer[] = [];
  let at = 0;
  for (const run of name.matchAll(ESCAPED_RUNS)) {
    parts.push(Buffer.from(name.slice(at, run.index)));
    parts.push(Buffer.from(Array.from(run[0], (char) => char.charCodeAt(0) - ESCAPE)));
    at = run.index + run[0].length;
  }
  return Buffer.concat([...parts, Buffer.from(name.slice(at))]);
}

/** For a call of Node's `fs`. */
export const onDisk = (path: string): string | Buffer => (ESCAPED.test(path) ? bytesOf(path) : path);

/** For people and for logs, on one line: `caf\xE9`, `two\nlines`. */
export function printName(name: string): string {
  const plain = name.replace(ESCAPED_RUNS, (run) => Array.from(run, printByte).join(""));
  // Its own backslashes stay as they are where nothing else is escaped: mostly there are none.
  if (plain === name && !CONTROLS.test(name.replaceAll("\\", ""))) return name;
  const runs = name.split(ESCAPED_RUNS);
  const between = [...name.matchAll(ESCAPED_RUNS)].map(([run]) => Array.from(run, printByte).join(""));
  return runs.map((run, index) => run.replace(CONTROLS_ALL, printChar) + (between[index] ?? "")).join("");
}

function decoded(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(bytes, at);
    const char = bytes.subarray(at, at + length);
    if (length > 0 && char.length === length && isUtf8(char)) {
      text += char.toString("utf8");
      at += length;
    } else {
      text += escaped(bytes.subarray(at, at + 1));
      at += 1;
    }
  }
  return text;
}

/** How long the character would be that begins with this byte; 0 where none does. */
function lengthAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  if (byte < 0x80) return 1;
  if (byte < 0xc2) return 0;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

const escaped = (bytes: Buffer): string => String.fromCharCode(...Array.from(bytes, (byte) => ESCAPE + byte));

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function printByte(char: string): string {
  const byte = char.charCodeAt(0) - ESCAPE;
  return SHORT[String.fromCharCode(byte)] ?? `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function printChar(char: string): string {
  return SHORT[char] ?? Array.from(Buffer.from(char), (byte) => `\\x${byte.toString(16).toUpperCase()}`).join("");
}
