/**
 * What a job prints is data of somebody else. Of all escapes only SGR (colours and weights) may reach a terminal
 * (SECURITY 30); links, titles, cursor moves, clipboard writes and other control characters are taken out.
 */

const ESC = "\u001b";
const SGR = /^\[[0-9;:]{0,64}m/;
const CSI = /^\[[0-?]*[ -/]*[@-~]?/;
/** OSC, DCS, SOS, PM, APC: a string up to BEL or ST; an unended one takes the rest of the line. */
const STRING_INTRODUCERS = "]PX^_";
// biome-ignore lint/suspicious/noControlCharactersInRegex: BEL and ESC end such strings
const STRING_END = /\u0007|\u001b\\|\u009c/;
/** The same introducers as one 8-bit character. */
const C1_STRINGS = "\u009d\u0090\u0098\u009e\u009f";

// biome-ignore lint/suspicious/noControlCharactersInRegex: a tab is harmless
const UNUSUAL = /[^\u0009\u0020-\u007e\u00a0-\uffff]/;

/** One line of output without its end, safe to print. `colour` false takes SGR out as well. */
export function sanitizeLine(line: string, colour: boolean): string {
  if (!UNUSUAL.test(line)) return line;
  let clean = "";
  let at = 0;
  while (at < line.length) {
    const char = line.charAt(at);
    if (char === ESC) {
      const { kept, length } = escapeAt(line.slice(at + 1, at + 1 + ESCAPE_SCAN_MAX), line, at + 1);
      if (colour) clean += kept;
      at += 1 + length;
    } else if (C1_STRINGS.includes(char)) {
      at = endOfString(line, at + 1);
    } else if (char === "\u009b") {
      at += 1 + (CSI.exec(`[${line.slice(at + 1, at + ESCAPE_SCAN_MAX)}`)?.[0].length ?? 1) - 1;
    } else {
      if (isPrintable(char)) clean += char;
      at += 1;
    }
  }
  return clean;
}

/** How far an escape is looked for: longer ones lose their start, and their rest is plain text. */
const ESCAPE_SCAN_MAX = 128;

function escapeAt(rest: string, line: string, at: number): { kept: string; length: number } {
  const sgr = SGR.exec(rest);
  if (sgr !== null) return { kept: ESC + sgr[0], length: sgr[0].length };
  if (rest.startsWith("[")) return { kept: "", length: CSI.exec(rest)?.[0].length ?? 1 };
  const introducer = rest.charAt(0);
  if (introducer !== "" && STRING_INTRODUCERS.includes(introducer)) {
    return { kept: "", length: endOfString(line, at + 1) - at };
  }
  return { kept: "", length: /^[ -/]*[0-~]/.exec(rest)?.[0].length ?? 0 };
}

function endOfString(line: string, from: number): number {
  const end = STRING_END.exec(line.slice(from));
  return end === null ? line.length : from + end.index + end[0].length;
}

function isPrintable(char: string): boolean {
  const code = char.charCodeAt(0);
  return code === 9 || (code >= 0x20 && code < 0x7f) || code >= 0xa0;
}

/** The colours that are in force after the line, as the escapes that set them; "" after a reset. */
export function openColours(before: string, line: string): string {
  let open = before;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with ESC
  for (const [sequence, codes] of line.matchAll(/\u001b\[([0-9;:]*)m/g)) {
    if (codes === "" || codes === "0") open = "";
    else open = (open + sequence).slice(-OPEN_COLOURS_MAX);
  }
  return open.startsWith(ESC) ? open : open.slice(Math.max(0, open.indexOf(ESC)));
}

const OPEN_COLOURS_MAX = 256;
