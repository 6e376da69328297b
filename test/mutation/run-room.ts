import { readFile } from "node:fs/promises";
import path from "node:path";
import type { MutantResult } from "@stryker-mutator/api/core";
import { Stryker } from "@stryker-mutator/core";
import type { Room } from "./rooms.ts";
import { whyAccepted } from "./survivors.ts";

/** A planted fault that no test caught. */
export interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly mutator: string;
  /** What stands there, and what was put in its place; each cut to a line. */
  readonly original: string;
  readonly replacement: string;
  /** Why it is no fault, where `survivors.ts` says so. */
  readonly why?: string;
}

export interface RoomResult {
  readonly room: string;
  readonly planted: number;
  readonly caught: number;
  readonly survivors: readonly Survivor[];
}

export interface Effort {
  /** Files alone, below the room's; all of the room's where empty. */
  readonly files: readonly string[];
  readonly concurrency: number;
}

const ROOT = path.resolve(import.meta.dirname, "../..");
/** A mutant may loop: its tests end after this much more than they took. The machine may be busy meanwhile. */
const TIMEOUT_FACTOR = 3;
const TIMEOUT_MS = 20_000;
const DRY_RUN_MINUTES = 20;
const TEXT_MAX = 90;
/** Read by vitest.config.ts here, in the processes that Stryker starts. */
export const TESTS_VARIABLE = "BATON_MUTATION_TESTS";

const CAUGHT: ReadonlySet<string> = new Set(["Killed", "Timeout"]);
const MISSED: ReadonlySet<string> = new Set(["Survived", "NoCoverage"]);

/** Plants every fault of one room, one at a time, and runs the room's tests against each. Throws where they fail without one. */
export async function runRoom(room: Room, { files, concurrency }: Effort): Promise<RoomResult> {
  const stryker = new Stryker({
    mutate: files.length === 0 ? [...room.mutate] : [...files],
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner", path.join(import.meta.dirname, "ignore-texts.ts")],
    ignorers: ["texts"],
    vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
    coverageAnalysis: room.spawns === true ? "off" : "perTest",
    concurrency,
    timeoutFactor: TIMEOUT_FACTOR,
    timeoutMS: TIMEOUT_MS,
    dryRunTimeoutMinutes: DRY_RUN_MINUTES,
    // TypeScript 7 has no API for what Stryker would rewrite there, and nothing needs it: Node and Vitest strip types.
    tsconfigFile: "no-tsconfig.json",
    disableTypeChecks: false,
    ignorePatterns: ["/.git", "/docs/results", "/cdk.out", "/dist", ".baton/state"],
    tempDirName: "node_modules/.cache/mutation",
    reporters: ["progress-append-only"],
    logLevel: "warn" as never,
    allowConsoleColors: false,
  });
  return resultOf(room, await stryker.runMutationTest());
}

async function resultOf(room: Room, mutants: readonly MutantResult[]): Promise<RoomResult> {
  const missed = mutants.filter(({ status }) => MISSED.has(status));
  const caught = mutants.filter(({ status }) => CAUGHT.has(status)).length;
  const survivors = await Promise.all(missed.map(survivorOf));
  survivors.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  return { room: room.name, planted: caught + missed.length, caught, survivors };
}

async function survivorOf({ fileName, location, mutatorName, replacement }: MutantResult): Promise<Survivor> {
  const file = path.relative(ROOT, path.resolve(ROOT, fileName));
  const lines = (await readFile(path.join(ROOT, file), "utf8")).split("\n");
  const { start, end } = location;
  // Stryker counts lines and columns from 0 here.
  const [first = "", ...rest] = lines.slice(start.line, end.line + 1);
  const original =
    rest.length === 0 ? first.slice(start.column, end.column) : [first.slice(start.column), ...rest].join(" ");
  const fault = { file, original: cutToLine(original), replacement: cutToLine(replacement ?? "") };
  const why = whyAccepted(fault);
  return { ...fault, line: start.line + 1, mutator: mutatorName, ...(why === undefined ? {} : { why }) };
}

function cutToLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > TEXT_MAX ? `${line.slice(0, TEXT_MAX)}…` : line;
}
