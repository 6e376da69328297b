import { WILDCARDS_PER_PART_MAX } from "./limits.ts";

/**
 * Why a glob could take longer to match than a lease lives: its wildcards become a regular expression that tries every
 * way to share a name among them, in the runner's only thread. Undefined where it is cheap.
 */
export function globCostMistake(glob: string): string | undefined {
  if (/[+*]\(/.test(glob)) return "must not repeat a group with +( or *(";
  const parts = glob.split("/");
  const anyDepth = parts.filter((part) => part === "**").length;
  if (anyDepth > WILDCARDS_PER_PART_MAX) return `has ${anyDepth} times **; ${allowed}`;
  const wildcards = Math.max(...parts.map((part) => part.match(/\*+/g)?.length ?? 0));
  return wildcards > WILDCARDS_PER_PART_MAX
    ? `has ${wildcards} wildcards in one part of the path; ${allowed}`
    : undefined;
}

const allowed = `${WILDCARDS_PER_PART_MAX} are allowed (WILDCARDS_PER_PART_MAX)`;
