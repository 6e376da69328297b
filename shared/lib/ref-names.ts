/**
 * Refs have full names (`refs/heads/main`); people and pipelines name branches and tags. Here alone they are cut: by git's own
 * short form a branch beside a tag of its name would be `heads/main`.
 */

const BRANCHES = "refs/heads/";
const TAGS = "refs/tags/";

/** Undefined where the ref is no branch. A branch may itself be called `refs/heads/x`. */
export const branchOfRef = (ref: string): string | undefined => nameBelow(BRANCHES, ref);
/** Undefined where the ref is no tag. */
export const tagOfRef = (ref: string): string | undefined => nameBelow(TAGS, ref);

const nameBelow = (prefix: string, ref: string): string | undefined =>
  ref.startsWith(prefix) && ref.length > prefix.length ? ref.slice(prefix.length) : undefined;
