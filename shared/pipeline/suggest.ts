import { distance } from "fastest-levenshtein";

/** Of a shorter word, anything is a few edits away. */
const WORD_LENGTH_MIN = 3;
const WORD_LENGTH_MAX = 64;
/** Two letters swapped in a word of five are still that word. */
const EDITS_PER_LETTER = 0.4;

/** The candidate that a mistyped word probably meant: a few edits away, or undefined. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length < WORD_LENGTH_MIN || word.length > WORD_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length * EDITS_PER_LETTER)) + 1;
  for (const candidate of candidates) {
    if (candidate.length > WORD_LENGTH_MAX || candidate === word) continue;
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestDistance) [best, bestDistance] = [candidate, edits];
  }
  return best;
}
