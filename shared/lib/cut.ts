/** At most `lengthMax` UTF-16 units of a text, and no half of a character at their end: no table stores one. */
export function cut(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).toWellFormed();
}

/**
 * A text from outside as a message or a log may hold it: at most `lengthMax` UTF-16 units, cut between characters, and then
 * how many more there were: `… and 41,203 more characters`.
 */
export function shorten(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const end = isHighSurrogate(text.charCodeAt(lengthMax - 1)) ? lengthMax - 1 : lengthMax;
  return `${text.slice(0, end)}… and ${(text.length - end).toLocaleString("en-US")} more characters`;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
