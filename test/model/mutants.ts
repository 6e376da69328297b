import type { Effect, Guard, MoveOn } from "../../shared/domain/move.ts";
import { add, remove } from "../../shared/domain/move.ts";
import { REAL_RULES, type Rules } from "./rules.ts";
import { type CheckMoveName, type JobMoveName, REAL_TABLES, type RunMoveName, type Tables } from "./tables.ts";

/** One planted fault: a small change of the real tables, or of what an actor does. */
export interface Mutant {
  readonly name: string;
  readonly tables: Tables;
  readonly rules: Rules;
  /** Where it must be caught, and by which invariant (violation.ts). */
  readonly caughtBy: { readonly world: string; readonly invariant: number };
}

/** A change that alters no behaviour, and why: it must not be caught, or the reason is wrong. */
export interface Equivalent {
  readonly name: string;
  readonly tables: Tables;
  readonly why: string;
  /** Where it would show. */
  readonly worlds: readonly string[];
}

const HOLDER_ENDS = ["succeed", "fail", "timeOut", "retry"] as const;

function jobRows(names: readonly JobMoveName[], change: (row: MoveOn<"job">) => MoveOn<"job">): Tables {
  const rows = names.map((name) => [name, change(REAL_TABLES.job[name])] as const);
  return { ...REAL_TABLES, job: { ...REAL_TABLES.job, ...Object.fromEntries(rows) } };
}

function runRow(name: RunMoveName, change: (row: MoveOn<"run">) => MoveOn<"run">): Tables {
  return { ...REAL_TABLES, run: { ...REAL_TABLES.run, [name]: change(REAL_TABLES.run[name]) } };
}

function checkRow(name: CheckMoveName, change: (row: MoveOn<"check">) => MoveOn<"check">): Tables {
  return { ...REAL_TABLES, check: { ...REAL_TABLES.check, [name]: change(REAL_TABLES.check[name]) } };
}

/** The row without its guards on these paths, of these kinds where they are named. */
function without<Row extends { readonly guards: readonly Guard[] }>(
  row: Row,
  paths: readonly string[],
  kind?: Guard["kind"],
): Row {
  const dropped = (guard: Guard) => paths.includes(guard.path) && (kind === undefined || guard.kind === kind);
  return { ...row, guards: row.guards.filter((guard) => !dropped(guard)) };
}

function alsoFrom<Row extends { readonly from: readonly string[] | "none" }>(row: Row, state: string): Row {
  return { ...row, from: [...row.from, state] };
}

function withEffects<Row extends { readonly effects: readonly Effect[] }>(
  row: Row,
  change: (effects: readonly Effect[]) => readonly Effect[],
): Row {
  return { ...row, effects: change(row.effects) };
}

const inTable = (name: string, tables: Tables, world: string, invariant: number): Mutant => ({
  name,
  tables,
  rules: REAL_RULES,
  caughtBy: { world, invariant },
});

const inRules = (name: string, rule: keyof Rules, world: string, invariant: number): Mutant => ({
  name,
  tables: REAL_TABLES,
  rules: { ...REAL_RULES, [rule]: false },
  caughtBy: { world, invariant },
});

const holder = ["fence", "lease.claimId"];
const lossAsFailure = (effects: readonly Effect[]) =>
  effects.map((effect) => (effect.path === "left.lost" ? add("left.failed", -1) : effect));

const leavesIndex = (effects: readonly Effect[]) => [
  ...effects.filter(({ path }) => path !== "wakeAtMs"),
  remove("wakeAtMs"),
  remove("dueShard"),
];

/** Every planted fault. Those marked "once real" were in the code until the explorer, or building it, found them. */
export const MUTANTS: readonly Mutant[] = [
  inTable(
    "no fence guard on complete",
    jobRows(HOLDER_ENDS, (row) => without(row, ["fence"])),
    "one-job",
    2,
  ),
  inTable(
    "a stale holder's release is accepted",
    jobRows(["release"], (row) => without(row, holder)),
    "one-job",
    2,
  ),
  inTable(
    "a stale holder's heartbeat is accepted",
    jobRows(["heartbeat"], (row) => without(row, holder)),
    "one-job",
    2,
  ),
  inTable(
    "the fence is not raised by a claim",
    jobRows(["claim"], (row) => withEffects(row, (effects) => effects.filter(({ path }) => path !== "fence"))),
    "one-job",
    1,
  ),
  inTable(
    "a claim is accepted at any fence",
    jobRows(["claim"], (row) => without(row, ["fence"])),
    "one-job",
    4,
  ),
  inTable(
    "a held job can be claimed",
    jobRows(["claim"], (row) => alsoFrom(row, "leased")),
    "one-job",
    1,
  ),
  inTable(
    "a delayed renewal shortens the lease",
    jobRows(["heartbeat"], (row) => without(row, ["lease.expiresAtMs"], "before")),
    "one-job",
    9,
  ),
  inTable(
    "an expired lease is renewed",
    jobRows(["heartbeat"], (row) => without(row, ["lease.expiresAtMs"], "after")),
    "one-job",
    9,
  ),
  inTable(
    "a lease is expired by what was seen long ago",
    jobRows(["expire"], (row) => without(row, ["lease.expiresAtMs"])),
    "one-job",
    8,
  ),
  inTable(
    "a timeout ends the job before its holder has stopped",
    jobRows(["stop"], (row) => ({ ...row, to: "timed_out", effects: REAL_TABLES.job.expireTimeout.effects })),
    "stop",
    8,
  ),
  inTable(
    "a result overrides a stop",
    jobRows(["succeed"], (row) => alsoFrom(row, "stopping")),
    "stop",
    13,
  ),
  inTable(
    "a cancel is answered as a timeout",
    jobRows(["stoppedTimeout"], (row) => without(row, ["stop.reason"])),
    "stop",
    13,
  ),
  inTable(
    "an ended job can be canceled",
    jobRows(["cancel"], (row) => alsoFrom(row, "succeeded")),
    "stop",
    3,
  ),
  inTable(
    "a loss spends the user's retries",
    jobRows(["expire"], (row) => withEffects(row, lossAsFailure)),
    "one-job",
    14,
  ),
  inTable(
    "losses have no budget",
    jobRows(["release"], (row) => without(row, ["left.lost"])),
    "one-job",
    14,
  ),
  inTable(
    "a failure with retries left ends the job",
    jobRows(["fail"], (row) => without(row, ["left.failed"])),
    "one-job",
    14,
  ),
  inTable(
    "a queued job is abandoned at once",
    jobRows(["abandon"], (row) => ({ ...row, guards: [] })),
    "one-job",
    5,
  ),
  inTable(
    "a need can be told twice",
    jobRows(["resolve"], (row) => ({ ...row, guards: [] })),
    "fan-in",
    16,
  ),
  inTable(
    "a check counts an answer twice",
    checkRow("answer", (row) => without(row, ["resolved.$source"])),
    "named-check",
    16,
  ),
  inTable(
    "a check is final before its last answer",
    checkRow("answerLast", (row) => without(row, ["remaining"])),
    "named-check",
    16,
  ),
  inTable(
    "a run closes while a node is open",
    runRow("succeed", (row) => without(row, ["open"])),
    "fan-in",
    16,
  ),
  inTable(
    "a node is counted twice",
    runRow("endNode", (row) => ({ ...row, guards: [] })),
    "fan-in",
    16,
  ),
  inTable(
    "a run closes as succeeded whatever was counted",
    runRow("succeed", (row) => without(row, ["tally.failed"])),
    "fan-in",
    6,
  ),
  inTable(
    "a tick is passed on whatever its seq",
    runRow("tick", (row) => ({ ...row, guards: [] })),
    "ticks",
    20,
  ),
  inTable(
    "an approval is of whatever commit",
    runRow("approve", (row) => without(row, ["approval.sha"])),
    "fork",
    22,
  ),
  inTable(
    "a run can be approved twice",
    runRow("approve", (row) => without(row, ["approval.atMs"])),
    "fork",
    22,
  ),
  inTable(
    "a run that has ended can be approved",
    runRow("approve", (row) => alsoFrom(row, "canceled")),
    "fork",
    3,
  ),
  inTable(
    "a job that waits for its approval can be claimed",
    jobRows(["claim"], (row) => alsoFrom(row, "held")),
    "fork",
    22,
  ),
  inTable(
    "an approval does not wake its run",
    runRow("approve", (row) => withEffects(row, (effects) => effects.filter(({ path }) => path !== "wakeAtMs"))),
    "fork",
    5,
  ),
  inTable(
    "a parked run leaves the index of due runs",
    runRow("park", (row) => withEffects(row, (effects) => [...effects, remove("dueShard")])),
    "fork",
    5,
  ),
  inTable(
    "an approved run is parked by who saw it before",
    runRow("park", (row) => without(row, ["approval.atMs"])),
    "fork",
    5,
  ),
  inTable(
    "a run is parked whatever the tick's seq",
    runRow("park", (row) => without(row, ["tickSeq"])),
    "fork",
    20,
  ),
  inTable(
    "a run that its deadline closes is forgotten at once (once real)",
    runRow("timeOut", (row) => withEffects(row, leavesIndex)),
    "deadlines",
    13,
  ),
  inTable(
    "a canceled run that its deadline closes is forgotten at once (once real)",
    runRow("forceCancel", (row) => withEffects(row, leavesIndex)),
    "deadlines",
    13,
  ),
  inTable(
    "a run that was closed over its jobs is forgotten when a reconcile looks again",
    runRow("seeOut", (row) => withEffects(row, leavesIndex)),
    "deadlines",
    13,
  ),
  inRules("who approves does not look whether the run is approved", "approverLooks", "fork", 22),
  inRules("reconcile admits without looking at the approval", "reconcileLooks", "fork", 22),
  inRules("only who approves admits", "reconcileAdmits", "fork", 5),
  inRules("whoever loses the race for a tick sends the next too", "loserSendsNoTick", "ticks", 20),
  inRules("steps start before the first renewal", "ackBeforeSteps", "one-job", 10),
  inRules("an offer is deleted before its claim is answered", "deleteAfterAnswer", "one-job", 7),
  inRules("nothing is offered again", "reoffer", "one-job", 5),
  inRules("a claim whose first try had landed is answered as taken", "answerBySight", "one-job", 4),
  inRules("the watchdog has no margin", "watchdogMargin", "one-job", 8),
  inRules("a renewal counts from when it was answered", "countFromSent", "one-job", 8),
  inRules("leases are renewed by the runner's clock", "serverClock", "one-job", 9),
  inRules("a lease is released while its processes run", "releaseAfterKill", "one-job", 8),
  inRules("a stopping attempt is renewed past its stop deadline", "stopCutsRenewal", "stop", 13),
  inRules("a stop before the first renewal is not told", "stopIsTold", "stop", 10),
  inRules("a dead runner's stopping job is never expired", "expireStopping", "stop", 5),
  inRules("reconcile leaves ends unsettled", "reconcileSettles", "fan-in", 5),
  inRules("a timeout cancels the job that is queued again (once real)", "timeoutStopsOnly", "stop", 6),
  inRules("a renewal's answer tells more than one lease (once real)", "wholeLeaseAtMost", "one-job", 8),
  inRules("a rerun is born with what was left of the budget (once real)", "wholeBudget", "cancel-and-rerun", 14),
];

/** What a second guard makes redundant. */
export const EQUIVALENTS: readonly Equivalent[] = [
  {
    name: "no claim guard on complete",
    tables: jobRows(HOLDER_ENDS, (row) => without(row, ["lease.claimId"])),
    why: "every grant raises the fence, so the fence alone names the attempt; the claim guards against a forged token",
    worlds: ["one-job", "stop", "dependency"],
  },
];
