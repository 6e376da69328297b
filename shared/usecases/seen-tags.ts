import { TAG_SHARES, TAGS_GONE_PER_SHARE_MAX, TAGS_PER_SHARE_MAX } from "../domain/limits.ts";
import type { TagHead } from "./forge.ts";
import { digest } from "./specs.ts";

/**
 * Which tags were seen, and at what: a set of digests in `TAG_SHARES` shares by the tag's name. So tens of thousands of
 * tags are a few items, and a push of one writes one of them. Pure.
 */

/** 64 bits: among 100,000 tags the chance that a new one is taken for a known one is 1 to 10^14. */
const DIGEST_LENGTH = 16;

const digestOfTag = ({ tag, sha }: TagHead): string => digest(JSON.stringify([tag, sha])).slice(0, DIGEST_LENGTH);

/** By share, and there by digest: every share, also those without a tag. */
export function shareOut(tags: readonly TagHead[]): ReadonlyMap<string, ReadonlyMap<string, TagHead>> {
  const shares = new Map<string, Map<string, TagHead>>();
  for (let share = 0; share < TAG_SHARES; share += 1) shares.set(share.toString(TAG_SHARES), new Map());
  for (const tag of tags) shares.get(digest(tag.tag).slice(0, 1))?.set(digestOfTag(tag), tag);
  return shares;
}

/** Whether an item has room for each share. */
export const isTooManyTags = (shares: ReturnType<typeof shareOut>): boolean =>
  [...shares.values()].some(({ size }) => size > TAGS_PER_SHARE_MAX);

export const joinSeen = (digests: Iterable<string>): string => [...digests].sort().join("");

export function parseSeen(seen: string): ReadonlySet<string> {
  const digests = new Set<string>();
  for (let at = 0; at < seen.length; at += DIGEST_LENGTH) digests.add(seen.slice(at, at + DIGEST_LENGTH));
  return digests;
}

/**
 * What is remembered after a look: what is there and handled, and what was there before. A list in pages is of no one
 * moment, and one that is wrong for a moment must not make every tag new.
 */
export function seenAfter(
  before: ReadonlySet<string>,
  listed: Iterable<string>,
  left: ReadonlySet<string>,
): ReadonlySet<string> {
  const now = new Set([...listed].filter((one) => !left.has(one)));
  const all = new Set([...before, ...now]);
  const gone = all.size - now.size;
  return gone > Math.max(TAGS_GONE_PER_SHARE_MAX, now.size) || all.size > TAGS_PER_SHARE_MAX ? now : all;
}
