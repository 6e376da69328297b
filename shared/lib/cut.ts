/** At most `lengthMax` UTF-16 units of a text, and no half of a character at their end: no table stores one. */
export function cut(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).toWellFormed();
}
