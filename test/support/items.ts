import type { Args, Item } from "../../shared/domain/item.ts";

/** Plain items and arguments for tests of single moves. */

export const NOW_MS = 1_000_000;
const CLAIM_ID = "claim-0123456789abcdef";

/** A job at fence 3 in any state, with every part that a move may look at; `change` replaces attributes. */
export function jobInState(state: string, change: Item = {}): Item {
  const holder = { claimId: CLAIM_ID, runnerId: "rnr_1", runnerName: "r1", grantedAtMs: NOW_MS - 10 };
  return {
    state,
    fence: 3,
    pool: "default",
    resolved: {},
    left: { failed: 0, lost: 0 },
    lease: { ...holder, expiresAtMs: NOW_MS + 10 },
    stop: { reason: "cancel", atMs: NOW_MS - 5, deadlineMs: NOW_MS + 50 },
    phase: "running",
    attempts: { 3: { ...holder } },
    queueDeadlineMs: NOW_MS - 1,
    runDeadlineMs: NOW_MS + 1_000,
    watchedUntilMs: 0,
    history: {},
    ...change,
  };
}

/** Every argument that any job move may ask for. */
export function jobArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    fence: 3,
    nextFence: 4,
    claimId: CLAIM_ID,
    pool: "default",
    source: "other",
    outcome: "passed",
    queueDeadlineMs: NOW_MS + 900,
    newExpiryMs: NOW_MS + 40,
    stopDeadlineMs: NOW_MS + 50,
    watchedUntilMs: NOW_MS + 60,
    phase: "uploading",
    step: 2,
    logBytes: 4_096,
    lease: { claimId: "claim-fedcba9876543210", expiresAtMs: NOW_MS + 45 },
    attempt: { claimId: "claim-fedcba9876543210" },
    stop: { reason: "timeout", atMs: NOW_MS, deadlineMs: NOW_MS + 30 },
    end: { outcome: "succeeded", atMs: NOW_MS },
    result: { fence: 3, outcome: "succeeded" },
    reason: "a reason",
    historyKey: "3.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

export function runInState(state: string, change: Item = {}): Item {
  return {
    state,
    open: new Set(["JOB#a"]),
    tally: { failed: 0, lost: 0 },
    tickSeq: 0,
    tickedAtMs: 0,
    wakeAtMs: NOW_MS,
    dueShard: "DUE#0",
    hardDeadlineMs: NOW_MS - 1,
    planDeadlineMs: NOW_MS - 1,
    approval: { sha: "a commit" },
    turn: 1,
    pipeline: "p",
    history: {},
    ...change,
  };
}

export function runArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    node: "JOB#a",
    failed: 0,
    lost: 0,
    seq: 0,
    reason: "a reason",
    wakeAtMs: NOW_MS + 5,
    sha: "a commit",
    by: "token:test",
    turn: 2,
    planDigest: "digest",
    pipeline: "q",
    open: new Set(["JOB#b"]),
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

export function checkInState(state: string, change: Item = {}): Item {
  return { state, resolved: {}, remaining: 2, tally: { failed: 0, lost: 0 }, history: {}, ...change };
}

export function checkArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    source: "a",
    outcome: "passed",
    failed: 0,
    lost: 0,
    failedBefore: 0,
    lostBefore: 0,
    answer: "passed",
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

export function deliveryInState(state: string): Item {
  return { state, fence: 0, wakeAtMs: NOW_MS, dueShard: "DELIVERIES", history: {} };
}

export function refInState(state: string, change: Item = {}): Item {
  return { state, latestAtMs: NOW_MS, latestSha: "b", latestBefore: "a", turn: 1, runs: {}, history: {}, ...change };
}

/** What the moves of deliveries and of places on a branch may ask for. */
export function triggerArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    fence: 0,
    nextFence: 1,
    fenceMax: 9,
    trigger: {},
    repository: {},
    dueShard: "DELIVERIES",
    reason: "a reason",
    decisions: [],
    seenWakeAtMs: NOW_MS,
    wakeAtMs: NOW_MS + 5,
    key: "run_2",
    turn: 1,
    sha: "c",
    before: "b",
    latestAtMs: NOW_MS + 1,
    seenSha: "b",
    seenAtMs: NOW_MS,
    ttl: 1,
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

/** Anything that sweep remembers. */
export function sweptInState(state: string, change: Item = {}): Item {
  const wakes = { wakeAtMs: NOW_MS, dueShard: "HEADS", dueAtMs: NOW_MS };
  return {
    state,
    ...wakes,
    sha: "b",
    etag: "",
    doubts: 0,
    failures: 0,
    tries: 0,
    skipped: 0,
    startedAtMs: 0,
    version: 1,
    seen: "",
    history: {},
    ...change,
  };
}

/** What the moves of heads, schedules and sweeps may ask for. */
export function sweepArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    seenWakeAtMs: NOW_MS,
    wakeAtMs: NOW_MS + 5,
    dueAtMs: NOW_MS,
    nextDueAtMs: NOW_MS + 9,
    dueShard: "HEADS",
    skipped: 2,
    seenSha: "b",
    doubt: "?1",
    sha: "c",
    etag: "e",
    doubts: 0,
    listedAtMs: NOW_MS,
    isCut: false,
    tagsEtag: "t",
    tagsListedAtMs: NOW_MS,
    seenVersion: 1,
    seen: "0123456789abcdef",
    schedulesSha: "c",
    failures: 1,
    error: "an error",
    startedAtMs: 1,
    failedParts: [],
    ttl: 1,
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

/** Asked to look again, or not; the one who sends it has died, or not. */
export function outboxInState(state: string, change: Item = {}): Item {
  const sending = { seq: 3, sender: "me", asked: 0, tries: 1, wakeAtMs: NOW_MS + 5, dueShard: "REPORTS" };
  return { state, ...sending, sent: {}, parts: { old: { createdAtMs: NOW_MS - 1 } }, history: {}, ...change };
}

/** A status in a state, with whatever a move may need; each test changes what it is about. */
export function statusInState(state: string, change: Item = {}): Item {
  const old = { runId: "run_1", order: "1", version: 1, state: "queued" };
  const shown = { digest: "d", id: "1", isCompleted: false, sends: 1 };
  const sending = {
    seq: 3,
    sender: "me",
    untilMs: NOW_MS + 5,
    revision: 7,
    disputes: 0,
    lanes: 1,
    entries: { old },
    shown,
  };
  return { state, ...sending, history: {}, ...change };
}

/** What the moves of a status may ask for. */
export function statusArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    seq: 3,
    sender: "me",
    revision: 7,
    untilMs: NOW_MS + 9,
    lane: "new",
    entry: { runId: "run_2", order: "2", version: 2, state: "completed" },
    runId: "run_2",
    order: "2",
    version: 2,
    lanesMax: 2,
    ttl: 1,
    shown: { digest: "e", id: "1", isCompleted: true, sends: 2 },
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}

/** What the moves of an outbox may ask for. */
export function outboxArgs(change: Args = {}): Args {
  return {
    nowMs: NOW_MS,
    seq: 3,
    sender: "me",
    sent: { key: { digest: "d", id: "1" } },
    wakeAtMs: NOW_MS + 9,
    dueShard: "REPORTS",
    error: "an error",
    errorKind: "passing",
    pipeline: "new",
    part: { runId: "run_1", createdAtMs: NOW_MS },
    createdAtMs: NOW_MS,
    ttl: 1,
    historyKey: "0.move",
    historyEntry: { atMs: NOW_MS, actor: "test" },
    ...change,
  };
}
