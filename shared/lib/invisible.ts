/**
 * Characters that nobody sees and that change how text reads: marks and overrides of direction, zero-width spaces, line
 * separators, tags. Not the joiners, of which emoji and some scripts are made.
 * @see https://trojansource.codes
 */
const INVISIBLE =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** The text with each of them as its escape, which is the same text where it stands in JSON (SECURITY 30). */
export function showInvisible(text: string): string {
  return text.replace(INVISIBLE, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}
