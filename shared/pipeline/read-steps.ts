import { SCRIPT_BYTES_MAX, STEP_TIMEOUT_MAX_MS, STEPS_MAX } from "../domain/limits.ts";
import { shellWordMistake } from "./check-text.ts";
import type { StepDefinition } from "./definition.ts";
import { readEnv } from "./read-env.ts";
import { readShell, readTimeout } from "./read-settings.ts";
import { atMost, readFields, readText, type Slot } from "./read-values.ts";
import { type Tree, typeOf } from "./tree.ts";

export function readSteps(slot: Slot): StepDefinition[] {
  const { tree, what, problems } = slot;
  if (tree.kind !== "list") {
    problems.report(tree.at, `${what} must be a list of steps, not ${typeOf(tree)}`);
    return [];
  }
  if (tree.items.length === 0) problems.missing(tree.at, `${what} needs at least one step`);
  const items = atMost(tree.items, { max: STEPS_MAX, limit: "STEPS_MAX", slot });
  return items.flatMap((item, index) => readStep({ ...slot, what: `${what}[${index}]`, tree: item }));
}

function readStep(slot: Slot): StepDefinition[] {
  const fields = readFields(slot, ["name", "run", "env", "workdir", "timeout", "shell"]);
  if (fields === undefined) return [];
  const script = fields.slot("run");
  if (script === undefined) slot.problems.missing(fields.at, `${slot.what} needs "run"`);
  const step: StepDefinition = {
    at: fields.at,
    name: readText(fields.slot("name")),
    run: readRun(script) ?? "",
    shell: readShell(fields.slot("shell")),
    env: readEnv(fields.slot("env")),
    workdir: readWorkdir(fields.slot("workdir")),
    timeoutMs: readTimeout(fields.slot("timeout"), STEP_TIMEOUT_MAX_MS, "STEP_TIMEOUT_MAX_MS"),
  };
  return [step];
}

function readWorkdir(slot: Slot | undefined): StepDefinition["workdir"] {
  const workdir = readText(slot);
  const mistake = workdir && shellWordMistake(workdir.value);
  if (mistake !== undefined) slot?.problems.report(workdir?.at ?? slot.tree.at, `${slot.what}: ${mistake}`);
  return workdir;
}

/** A script, exactly as written. `true` and `false` are commands too. */
export function readRun(slot: Slot | undefined): string | undefined {
  const script = slot && (isCommandWord(slot.tree) ? slot.tree.source : readText(slot)?.value);
  if (slot === undefined || script === undefined) return undefined;
  const mistake = scriptMistake(script);
  if (mistake !== undefined) slot.problems.report(slot.tree.at, `${slot.what} ${mistake}`);
  return script;
}

const isCommandWord = (tree: Tree): tree is Tree & { source: string } =>
  tree.kind === "scalar" && typeof tree.value === "boolean";

function scriptMistake(script: string): string | undefined {
  if (script.trim() === "") return "must not be empty";
  if (script.includes("\0")) return "must not contain a NUL character";
  const bytes = Buffer.byteLength(script);
  if (bytes <= SCRIPT_BYTES_MAX) return undefined;
  return `has ${bytes} bytes; ${SCRIPT_BYTES_MAX} are allowed (SCRIPT_BYTES_MAX)`;
}
