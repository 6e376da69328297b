import { ARTIFACT_PATTERNS_MAX, NEEDS_MAX } from "../domain/limits.ts";
import { shellWordMistake } from "./check-text.ts";
import { excludedBy } from "./dead-pattern.ts";
import type { JobDefinition } from "./definition.ts";
import { quoted } from "./problem.ts";
import { readFields, readWords, type Slot } from "./read-values.ts";

/** What a job makes and takes. A glob that can never keep a file is a problem: its job would end well, and keep nothing. */
export function readArtifacts(slot: Slot | undefined): JobDefinition["artifacts"] {
  const fields = slot && readFields(slot, ["paths", "from"]);
  return {
    paths: readPaths(fields?.slot("paths")),
    from: readWords(fields?.slot("from"), NEEDS_MAX, "NEEDS_MAX"),
  };
}

function readPaths(slot: Slot | undefined): JobDefinition["artifacts"]["paths"] {
  if (slot === undefined) return [];
  const paths = readWords(slot, ARTIFACT_PATTERNS_MAX, "ARTIFACT_PATTERNS_MAX");
  const excluding = paths.filter(({ value }) => value.startsWith("!")).map(({ value }) => value.slice(1));
  const [first] = paths;
  if (first !== undefined && excluding.length === paths.length)
    slot.problems.report(first.at, `${slot.what} only leaves out, so nothing is kept: add what to keep, such as "**"`);
  for (const { value, at } of paths) {
    const mistake = pathMistake(value, excluding);
    if (mistake !== undefined) slot.problems.report(at, `${slot.what}: ${quoted(value)} ${mistake}`);
  }
  return paths;
}

function pathMistake(value: string, excluding: readonly string[]): string | undefined {
  const mistake = shellWordMistake(value);
  if (mistake !== undefined || value.startsWith("!")) return mistake;
  if (value.split("/").includes(".git")) return "matches nothing: a folder .git is never kept";
  const by = excludedBy(value, excluding);
  return by === undefined ? undefined : `matches nothing: ${quoted(`!${by}`)} leaves it out`;
}
