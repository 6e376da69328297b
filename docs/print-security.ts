import { existsSync } from "node:fs";
import path from "node:path";
import { markdownTable } from "./markdown-table.ts";
import { type Proof, readProofs } from "./read-proofs.ts";
import { SECURITY_AREAS, SECURITY_REQUIREMENTS, type SecurityRequirement } from "./security-requirements.ts";

const root = path.resolve(import.meta.dirname, "..");
/** The test that runs every rule of cdk-nag over every stack. */
const NAG_TEST = "test/infra/rules.test.ts";
/** Beyond these a number's tests are only counted: the page is to be read. */
const SHOWN_MAX = 6;

/** The block of docs/SECURITY.md: every requirement, with what holds it. */
export function printSecurity(): string {
  const proofs = Map.groupBy(readProofs(root), ({ number }) => number);
  const hasNag = existsSync(path.join(root, NAG_TEST));
  const sections = SECURITY_AREAS.map((area) => {
    const rows = SECURITY_REQUIREMENTS.filter((one) => one.area === area).map((one) => [
      String(one.number),
      one.text,
      heldBy(one, proofs.get(one.number) ?? [], hasNag),
    ]);
    return `### ${area[0]?.toUpperCase()}${area.slice(1)}\n\n${markdownTable(["", "what must hold", "what holds it"], rows)}`;
  });
  return sections.join("\n\n");
}

function heldBy(requirement: SecurityRequirement, all: readonly Proof[], hasNag: boolean): string {
  const proofs = requirement.rules === undefined ? all : all.filter(({ file }) => file !== NAG_TEST);
  const shown = proofs.slice(0, SHOWN_MAX).map(({ title, file }) => `${escaped(title)} (\`${file}\`)`);
  const more = proofs.length > SHOWN_MAX ? [`and ${proofs.length - SHOWN_MAX} more`] : [];
  const rules =
    hasNag && requirement.rules !== undefined ? [`cdk-nag ${requirement.rules.join(", ")} (\`${NAG_TEST}\`)`] : [];
  const held = [...rules, ...shown, ...more];
  return held.length === 0 ? "**not yet**" : held.join("<br>");
}

/** Titles are no Markdown and no HTML. */
const escaped = (title: string) =>
  title
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("*", "\\*")
    .replaceAll("_", "\\_")
    .replaceAll("`", "'");

/** Promised requirements that nothing holds. */
export function unproven(): number[] {
  const held = new Set(readProofs(root).map(({ number }) => number));
  return SECURITY_REQUIREMENTS.filter(({ number, promised }) => promised && !held.has(number)).map(
    ({ number }) => number,
  );
}
