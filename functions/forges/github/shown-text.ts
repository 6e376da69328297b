/** Text within GitHub's limits. */

/** One line of at most so many UTF-16 units, an ellipsis where it was longer. */
export function oneLine(text: string, lengthMax: number): string {
  const flat = text.replace(/\p{Cc}+/gu, " ").trim();
  if (flat.length <= lengthMax) return flat;
  return `${flat.slice(0, lengthMax - 1).toWellFormed()}…`;
}

/** At most so many bytes of UTF-8, cut between lines where there is one. */
export function withinBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const note = "\n\n… and more";
  const cut = Buffer.from(text)
    .subarray(0, bytesMax - Buffer.byteLength(note))
    .toString()
    .replace(/�+$/, "");
  const line = cut.lastIndexOf("\n");
  return `${line > 0 ? cut.slice(0, line) : cut}${note}`;
}
