import { readFileSync } from "node:fs";
import path from "node:path";
import { CHECKS } from "../cli/conformance/all-checks.ts";
import * as limits from "../shared/domain/limits.ts";
import { COUNT_NAMES, type Counts, verdictOf } from "../test/attack/score.ts";
import { SCORE_MIN } from "../test/mutation/rooms.ts";
import { intervalOf, percentOf } from "../test/mutation/score.ts";
import { markdownTable } from "./markdown-table.ts";
import { type Result, type ResultName, readResult } from "./read-results.ts";

/** The blocks of docs/TRUST.md: every number in it comes from a limit of the code or from docs/results/. */

export const TRUST_BLOCKS: Readonly<Record<string, () => string>> = {
  bounds: printBounds,
  invariants: printInvariants,
  explorer: () => printOf("model", printExplorer),
  mutants: () => printOf("mutants", printMutants),
  mutation: () => printOf("mutation", printMutation),
  simulator: () => printOf("sim", printSimulator),
  "simulator mutants": () => printOf("sim-mutants", printSimulatorMutants),
  "attack score": () => printOf("attack", printAttack),
  "attack bounds": () => printOf("attack", printGoals),
  conformance: () => printOf("conformance", printConformance),
};

const seconds = (ms: number): string => `${ms / 1_000} s`;
const code = (text: string): string => `\`${text}\``;

function printOf<N extends ResultName>(name: N, print: (result: Result<N>) => string): string {
  const result = readResult(name);
  const command = name === "mutation" ? "npm run mutants -- --keep" : `npm run record -- ${name}`;
  if (result === undefined) return `No result is recorded yet: \`${command}\`.`;
  const { command: typed, atMs, commit, machine } = result;
  const where = `${machine.cores} cores, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node}`;
  const day = new Date(atMs).toISOString().slice(0, 10);
  return `${print(result)}\n\n${code(typed)} on ${day}, at commit ${commit}, on ${where}.`;
}

function printBounds(): string {
  const { LEASE_TTL_MS, HEARTBEAT_MS, SELF_FENCE_MARGIN_MS, STOP_GRACE_MS, RETRIES_LOST_DEFAULT } = limits;
  return markdownTable(
    ["bound", "value"],
    [
      ["a lease lives, from its last renewal", seconds(LEASE_TTL_MS)],
      ["it is renewed every", seconds(HEARTBEAT_MS)],
      ["a watchdog that hears nothing kills the steps after", seconds(LEASE_TTL_MS - SELF_FENCE_MARGIN_MS)],
      ["a stopped attempt has, until its lease can only run out", seconds(STOP_GRACE_MS)],
      ["a job whose runner is lost is granted again, without being asked otherwise", `${RETRIES_LOST_DEFAULT} times`],
    ],
  );
}

interface Invariant {
  readonly number: number;
  readonly says: string;
  readonly proofs: string;
}

/** The rows of ARCHITECTURE's table: the invariants are written down once. */
function readInvariants(): Invariant[] {
  const text = readFileSync(path.join(import.meta.dirname, "ARCHITECTURE.md"), "utf8");
  const rows = [...text.matchAll(/^\| (\d+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$/gm)];
  return rows.map(([, number, says = "", proof = ""]) => ({
    number: Number(number),
    says: says.trim(),
    proofs: [...new Set(proof.match(/`test\/[^`]+`/g) ?? [])].join(", "),
  }));
}

function printInvariants(): string {
  const attacks = readResult("attack")?.result.scores ?? [];
  const rows = readInvariants().map(({ number, says, proofs }) => {
    const checks = CHECKS.filter(({ invariants }) => invariants.includes(number)).map(({ id }) => code(id));
    const struck = attacks.filter(({ invariants }) => invariants.includes(number)).map(({ attack }) => code(attack));
    return [String(number), says, proofs || "–", struck.join(", ") || "–", checks.join(", ") || "–"];
  });
  return markdownTable(["", "invariant", "tests", "attacks", "conformance checks"], rows);
}

function printExplorer({ result }: Result<"model">): string {
  const rows = result.rows.map(({ world, states, transitions, depth, cpuSeconds, broken }) => [
    code(world),
    broken === undefined ? "holds" : "BROKEN",
    states.toLocaleString("en"),
    transitions.toLocaleString("en"),
    String(depth),
    `${cpuSeconds.toFixed(1)} s`,
  ]);
  return markdownTable(["world", "invariants", "states", "transitions", "depth", "time on one core"], rows);
}

function printMutants({ result }: Result<"mutants">): string {
  const caught = result.mutants.filter((mutant) => mutant.caught).length;
  const rows = result.mutants.map(({ name, world, invariant, caught: found }) => [
    name,
    found ? `caught in ${code(world)}` : "MISSED",
    String(invariant ?? "–"),
  ]);
  return `${caught} of ${result.mutants.length} planted faults are caught.\n\n${markdownTable(["planted fault", "explorer", "invariant"], rows)}`;
}

function printMutation({ result }: Result<"mutation">): string {
  const rows = result.rooms.map((room) => {
    const { total, planted, caught, timedOut, broken, seed, seconds, commit, survivors } = room;
    const drawn = seed === undefined ? `all ${planted}` : `${planted} of ${total}, drawn with seed ${seed}`;
    const score = seed === undefined ? percentOf(room) : `${percentOf(room)} (${intervalOf(room)})`;
    const changesNothing = survivors.filter(({ why }) => why !== undefined).length;
    const counts = [broken, caught, timedOut].map(String);
    return [room.room, drawn, ...counts, score, String(changesNothing), `${Math.ceil(seconds / 60)} min`, commit];
  });
  const counted = [
    "no test starts with it",
    "caught",
    "of these, by a timeout",
    "score",
    "of the missed, change nothing",
    "took",
  ];
  const head = ["room", "planted", ...counted, "at commit"];
  const missed = result.rooms.flatMap(({ survivors }) => survivors);
  const list = missed.map(({ file, line, original, replacement, why }) => [
    `${file}:${line}`,
    cell(original),
    cell(replacement),
    why ?? "no test tells it apart yet",
  ]);
  const table = markdownTable(["where", "what stands there", "the fault", "why it is missed"], list);
  const goal = `At least ${SCORE_MIN} % must be caught in each room. Where faults were drawn at random, 95 of 100 such intervals hold what all of them would score.`;
  return [
    goal,
    "",
    markdownTable(head, rows),
    "",
    "<details><summary>What is missed</summary>",
    "",
    table,
    "",
    "</details>",
  ].join("\n");
}

/** Code in a cell of a table. */
const cell = (text: string): string => (text === "" ? "(nothing)" : `<code>${escaped(text)}</code>`);
const escaped = (text: string): string =>
  text.replace(/[&<>|`*_[\]\\]/g, (character) => `&#${character.codePointAt(0)};`);

function printSimulator({ result }: Result<"sim">): string {
  const rows = result.rows.map(({ seed, worlds, violations, jobs, faults, writes, events, cpuSeconds }) => [
    String(seed),
    ...[worlds, violations, jobs, faults, writes, events].map((count) => count.toLocaleString("en")),
    (worlds / cpuSeconds).toFixed(0),
  ]);
  const head = ["first seed", "worlds", "violations", "jobs planned", "faults", "writes", "events"];
  return markdownTable([...head, "worlds per second of one core"], rows);
}

function printSimulatorMutants({ result }: Result<"sim-mutants">): string {
  const caught = result.mutants.filter(({ seed }) => seed !== undefined).length;
  const rows = result.mutants.map(({ name, seed, message }) => [
    name,
    seed === undefined ? "MISSED" : `caught in the world of seed ${seed}`,
    /^invariant (\d+)/.exec(message)?.[1] ?? "–",
  ]);
  return `${caught} of ${result.mutants.length} planted faults are caught.\n\n${markdownTable(["planted fault", "simulator", "invariant"], rows)}`;
}

function printAttack({ result }: Result<"attack">): string {
  const names = Object.keys(COUNT_NAMES) as (keyof Counts)[];
  const rows = result.scores.map((score) => {
    const { recoveryMs, skipped } = score;
    const verdict = skipped !== undefined ? `left out: ${skipped}` : verdictOf(score);
    const recovery = recoveryMs === undefined ? "–" : `${tenths(recoveryMs.p50)} / ${tenths(recoveryMs.max)}`;
    const sizes = [score.runs, score.jobs, score.faults, score.lostAttempts, score.staleProbes].map(String);
    return [
      code(score.attack),
      verdict,
      ...sizes,
      ...names.map((name) => String(score.counts[name])),
      String(score.recordedLogBytes),
      recovery,
    ];
  });
  const head = ["attack", "verdict", "runs", "jobs", "faults", "attempts lost", "stale calls tried"];
  const table = markdownTable(
    [...head, ...names.map((name) => COUNT_NAMES[name]), "log bytes lost, recorded", "recovery p50 / max, s"],
    rows,
  );
  const told = result.scores.map(({ attack, about }) => `* ${code(attack)}: ${about}.`);
  return [table, "", ...told].join("\n");
}

const tenths = (ms: number): string => (ms / 1_000).toFixed(1);

function printGoals({ result }: Result<"attack">): string {
  const rows = result.scores.flatMap(({ attack, goals }) =>
    goals.map(({ what, ms, atMostMs }) => [code(attack), what, `${tenths(ms)} s`, `${tenths(atMostMs)} s`]),
  );
  return markdownTable(["attack", "bound", "measured", "at most"], rows);
}

function printConformance({ result }: Result<"conformance">): string {
  const rows = result.checks.map(({ id, proves, invariants, verdict, ms }) => [
    code(id),
    verdict,
    proves,
    invariants.join(", ") || "–",
    `${ms} ms`,
  ]);
  return markdownTable(["check", "embedded stack", "what it proves", "invariants", "time"], rows);
}
