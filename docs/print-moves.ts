import { type Effect, type Guard, isArg, type Move, type Operand } from "../shared/domain/move.ts";
import { markdownTable } from "./markdown-table.ts";

/** One family of the transition table, for people: the same rows that the store compiles to conditional writes. */

/** Every move with its guards and effects, in the order of the table. An argument of the caller is in italics. */
export function printMoves(moves: Readonly<Record<string, Move>>): string {
  const rows = Object.values(moves).map((move) => [
    `\`${move.name}\``,
    `${fromOf(move)} → ${move.to === "unchanged" ? "(unchanged)" : move.to}`,
    move.guards.map(guardWords).join("<br>"),
    move.effects.map(effectWords).join("<br>"),
    move.doc,
  ]);
  return markdownTable(["move", "from → to", "only if", "writes", "what it means"], rows);
}

/** A Mermaid state diagram of the moves that change the state. */
export function printDiagram(moves: Readonly<Record<string, Move>>, terminal: readonly string[]): string {
  const arrows = new Map<string, string[]>();
  for (const move of Object.values(moves)) {
    if (move.to === "unchanged") continue;
    for (const from of move.from === "none" ? ["[*]"] : move.from) {
      const arrow = `${from} --> ${move.to}`;
      arrows.set(arrow, [...(arrows.get(arrow) ?? []), move.name]);
    }
  }
  const lines = [...arrows].map(([arrow, names]) => `  ${arrow}: ${names.join(", ")}`);
  const ends = terminal.map((state) => `  ${state} --> [*]`);
  return ["```mermaid", "stateDiagram-v2", ...lines, ...ends, "```"].join("\n");
}

function fromOf(move: Move): string {
  return move.from === "none" ? "(birth)" : move.from.join(", ");
}

function guardWords(guard: Guard): string {
  const path = code(guard.path);
  switch (guard.kind) {
    case "equals":
      return `${path} = ${operand(guard.value)}`;
    case "absent":
      return `no ${path}`;
    case "before":
      return `${path} < ${operand(guard.value)}`;
    case "after":
      return `${path} > ${operand(guard.value)}`;
    case "lessThanAttribute":
      return `${path} < ${code(guard.other)}`;
    case "contains":
      return `${path} holds ${operand(guard.value)}`;
  }
}

function effectWords(effect: Effect): string {
  const path = code(effect.path);
  switch (effect.kind) {
    case "set":
    case "put":
      return `${path} ← ${operand(effect.value)}`;
    case "add":
      return `${path} += ${operand(effect.value)}`;
    case "addToSet":
      return `${path} gains ${operand(effect.value)}`;
    case "removeFromSet":
      return `${path} loses ${operand(effect.value)}`;
    case "remove":
      return `${path} goes`;
  }
}

function operand(value: Operand): string {
  return isArg(value) ? `*${value.arg}*` : code(String(value));
}

const code = (text: string): string => `\`${text}\``;
