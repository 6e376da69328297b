import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { MutantResult } from "@stryker-mutator/api/core";
import { Stryker } from "@stryker-mutator/core";
import { systemClock } from "../../shared/lib/clock.ts";
import type { Room } from "./rooms.ts";
import { SAMPLE_VARIABLE, type Sample } from "./sample.ts";
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
  /** How many faults the room has; all are planted, where no sample was drawn. */
  readonly total: number;
  readonly planted: number;
  readonly caught: number;
  /** Of the caught: no test failed in time. A loop that never ends, or a busy machine. */
  readonly timedOut: number;
  /** With these no test starts, which counts neither way. */
  readonly broken: number;
  /** What the sample was drawn with. */
  readonly seed?: number;
  readonly seconds: number;
  readonly survivors: readonly Survivor[];
}

export interface Effort {
  /** Files alone, below the room's; all of the room's where empty. */
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly sample?: Sample;
}

const ROOT = path.resolve(import.meta.dirname, "../..");
/** A mutant may loop: its tests end after this much more than they took. The machine may be busy meanwhile. */
const TIMEOUT_FACTOR = 2;
const TIMEOUT_MS = 20_000;
const DRY_RUN_MINUTES = 20;
const TEXT_MAX = 90;
/** Read by vitest.config.ts here, in the processes that Stryker starts. */
const TESTS_VARIABLE = "BATON_MUTATION_TESTS";
/** Read by skip-rest.ts. */
const WITHOUT_VARIABLE = "BATON_MUTATION_WITHOUT";
/** Read by test/support/world.ts. */
const TABLE_VARIABLE = "BATON_TEST_TABLE";
const OWN_PLUGINS = ["ignore-texts.ts", "sample.ts"];

const CAUGHT: ReadonlySet<string> = new Set(["Killed", "Timeout"]);
const MISSED: ReadonlySet<string> = new Set(["Survived", "NoCoverage"]);

/** Plants every fault of one room, one at a time, and runs the room's tests against each. Throws where they fail without one. */
export async function runRoom(room: Room, { files, concurrency, sample }: Effort): Promise<RoomResult> {
  const startedAtMs = systemClock.monotonicMs();
  process.env[TESTS_VARIABLE] = JSON.stringify(room.tests);
  process.env[WITHOUT_VARIABLE] = JSON.stringify(room.without ?? []);
  process.env[TABLE_VARIABLE] = room.simulatedTable === true ? "simulated" : "embedded";
  process.env[SAMPLE_VARIABLE] = JSON.stringify(sample);
  const stryker = new Stryker({
    mutate: files.length === 0 ? [...room.mutate] : [...files],
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner", ...OWN_PLUGINS.map((file) => path.join(import.meta.dirname, file))],
    checkers: sample === undefined ? [] : ["sample"],
    ignorers: ["texts"],
    vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
    coverageAnalysis: room.spawns === true ? "off" : "perTest",
    concurrency,
    // The room's tests end themselves (skip-rest.ts).
    disableBail: true,
    timeoutFactor: TIMEOUT_FACTOR,
    timeoutMS: TIMEOUT_MS,
    dryRunTimeoutMinutes: DRY_RUN_MINUTES,
    // TypeScript 7 has no API for what Stryker would rewrite there, and nothing needs it: Node and Vitest strip types.
    tsconfigFile: "no-tsconfig.json",
    disableTypeChecks: false,
    ignorePatterns: ["/.git", "/docs/results", "/cdk.out", "/dist", ".baton/state"],
    // Not below node_modules, where Node strips no types.
    tempDirName: path.join(tmpdir(), "baton-mutants"),
    reporters: ["progress-append-only"],
    logLevel: "warn" as never,
    allowConsoleColors: false,
  });
  const found = await countOf(await stryker.runMutationTest());
  const seconds = Math.round((systemClock.monotonicMs() - startedAtMs) / 1_000);
  return { room: room.name, ...found, ...(sample === undefined ? {} : { seed: sample.seed }), seconds };
}

async function countOf(mutants: readonly MutantResult[]): Promise<Omit<RoomResult, "room" | "seed" | "seconds">> {
  const missed = mutants.filter(({ status }) => MISSED.has(status));
  const caught = mutants.filter(({ status }) => CAUGHT.has(status));
  const survivors = await Promise.all(missed.map(survivorOf));
  survivors.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  return {
    total: mutants.filter(({ status }) => status !== "Ignored").length,
    planted: caught.length + missed.length,
    caught: caught.length,
    timedOut: caught.filter(isTimeout).length,
    broken: mutants.filter(({ status }) => status === "RuntimeError").length,
    survivors,
  };
}

/** Stryker's own limit, or that of one test. */
const isTimeout = ({ status, statusReason }: MutantResult): boolean =>
  status === "Timeout" || /^(Test|Hook) timed out in/.test(statusReason ?? "");

async function survivorOf({ fileName, location, mutatorName, replacement }: MutantResult): Promise<Survivor> {
  const file = path.relative(ROOT, path.resolve(ROOT, fileName));
  const lines = (await readFile(path.join(ROOT, file), "utf8")).split("\n");
  const original = textAt(lines, location);
  const fault = { file, original: cutToLine(original), replacement: cutToLine(replacement ?? "") };
  const why = whyAccepted(fault);
  return { ...fault, line: location.start.line, mutator: mutatorName, ...(why === undefined ? {} : { why }) };
}

/** Lines and columns count from 1; the last column is no longer part of it. */
function textAt(lines: readonly string[], { start, end }: MutantResult["location"]): string {
  const found = lines.slice(start.line - 1, end.line);
  const last = found.length - 1;
  return found
    .map((line, at) => line.slice(at === 0 ? start.column - 1 : 0, at === last ? end.column - 1 : undefined))
    .join(" ");
}

function cutToLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > TEXT_MAX ? `${line.slice(0, TEXT_MAX)}…` : line;
}
