import { entryOf } from "../domain/entry.ts";
import { REPORT_SENDER_MS, RETENTION_MS, STATUS_LANES_MAX } from "../domain/limits.ts";
import { chooseEntry, rankOf, statusMoves } from "../domain/status-moves.ts";
import { ttlAt } from "../store/item-base.ts";
import type { ProjectItem } from "../store/items.ts";
import { type StatusRef, statusKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Shown, StatusEntry, StatusItem } from "../store/report-items.ts";
import type { Cause } from "../store/store.ts";
import { ForgeError, type ForgeStatus } from "./forge.ts";
import type { ReportDeps } from "./report-deps.ts";
import { NameBusy } from "./report-trouble.ts";
import { type Picture, pictureOf, placeOf, shownAlready, withOthers } from "./status-picture.ts";

/**
 * Shows what several runs answer under one name at one commit: the worst of them. A run's look joins the status first; then
 * whoever holds the status sends the worst entry, and again while entries change. So no success of one run covers another's failure.
 */

export interface StatusReport {
  readonly project: ProjectItem;
  readonly ref: StatusRef;
  readonly lane: string;
  readonly entry: StatusEntry;
  /** A sender of this report died, and what the forge took of it is unknown. */
  readonly isUnsure: boolean;
  /** Its lane comes again and again at one commit: a run takes the place of the one before only when it has ended. */
  readonly isPeriodic: boolean;
  /** All that an entry shows, this one or another run's. */
  render(entry: StatusEntry): Promise<ForgeStatus>;
}

const CAUSE: Cause = { actor: "report" };
const TRIES_MAX = 8;
/** One sender may find changes again and again; the next report goes on where it stops. */
const ROUNDS_MAX = 8;
/** Another sender is done after this, as a rule. */
const BUSY_MS = 2_000;

/** Answers the forge's id of what it shows. Throws `NameBusy` or `ForgeError` where the forge does not show this report yet. */
export async function showStatus(deps: ReportDeps, report: StatusReport): Promise<string> {
  let { isUnsure } = report;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const item = await join(deps, report);
    if (item === undefined) continue;
    if (isUnsure) {
      await deps.store.apply(statusMoves.dispute, statusKey(report.ref), { nowMs: deps.clock.nowMs() }, CAUSE);
      isUnsure = false;
      continue;
    }
    const picture = pictureOf(report.ref, item);
    if (item.state === "idle" && shownAlready(picture, item.shown)) return item.shown.id ?? "";
    if (item.state === "sending" && deps.clock.nowMs() <= (item.untilMs ?? 0)) break;
    const taken = await take(deps, report, item);
    if (taken !== undefined) return sendWorst(deps, report, taken);
  }
  throw new NameBusy(`another run reports ${report.ref.name} at this moment`, BUSY_MS);
}

/** Enters the report. Answers the status as it stands then; undefined where others were faster. */
async function join(deps: ReportDeps, report: StatusReport): Promise<StatusItem | undefined> {
  const { ref, lane, entry } = report;
  const nowMs = deps.clock.nowMs();
  const found = await deps.reports.getStatus(ref);
  if (found === undefined) {
    await deps.store.birthEach([statusItem(report, nowMs)]);
    return undefined;
  }
  const present = entryOf(found.entries, lane);
  const move = mustWait(report, present) || isEqual(present, entry) ? undefined : chooseEntry(present, entry);
  if (move === undefined) return found;
  const { runId, order, version } = entry;
  const args = {
    nowMs,
    lane,
    entry,
    runId,
    order,
    version,
    lanesMax: STATUS_LANES_MAX,
    ttl: ttlAt(nowMs + RETENTION_MS),
  };
  const { applied, item } = await deps.store.apply(statusMoves[move], statusKey(ref), args, CAUSE);
  if (applied || (item !== undefined && isEqual(entryOf(item.entries, lane), entry))) return item;
  if (move === "addEntry" && item !== undefined && item.lanes >= STATUS_LANES_MAX) await makeRoom(deps, report, item);
  return undefined;
}

const mustWait = ({ isPeriodic, entry }: StatusReport, present: StatusEntry | undefined) =>
  isPeriodic && entry.state !== "completed" && present !== undefined && present.runId !== entry.runId;

const isEqual = (present: StatusEntry | undefined, entry: StatusEntry) =>
  present?.runId === entry.runId && present.digest === entry.digest;

/** The oldest of those that let a merge through goes: what is left is as bad as before. Throws where all of them block. */
async function makeRoom(deps: ReportDeps, { ref }: StatusReport, { entries }: StatusItem): Promise<void> {
  const passing = Object.entries(entries).filter(([, entry]) => rankOf(entry) <= rankOf(PASSED));
  const [oldest] = passing.sort(([, a], [, b]) => (a.order < b.order ? -1 : 1));
  if (oldest === undefined)
    throw new ForgeError(`${STATUS_LANES_MAX} other runs report ${ref.name} at this commit, and none has passed`, {
      status: 422,
      kind: "final",
    });
  const [lane, { runId, version }] = oldest;
  await deps.store.apply(
    statusMoves.dropEntry,
    statusKey(ref),
    { lane, runId, version, nowMs: deps.clock.nowMs() },
    CAUSE,
  );
}
const PASSED = { state: "completed", conclusion: "success" } as const;

/** Undefined where another was faster. That it is ours tells `sender`, not whether this very write applied. */
async function take(deps: ReportDeps, { ref }: StatusReport, item: StatusItem): Promise<StatusItem | undefined> {
  const nowMs = deps.clock.nowMs();
  const sender = deps.random.ulid(nowMs);
  const args = { seq: item.seq, sender, nowMs, untilMs: nowMs + REPORT_SENDER_MS };
  const move = item.state === "idle" ? statusMoves.take : statusMoves.takeOver;
  const { item: taken } = await deps.store.apply(move, statusKey(ref), args, CAUSE);
  return taken?.state === "sending" && taken.sender === sender ? taken : undefined;
}

async function sendWorst(deps: ReportDeps, report: StatusReport, taken: StatusItem): Promise<string> {
  const key = statusKey(report.ref);
  const sender = taken.sender ?? "";
  let item = taken;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const picture = pictureOf(report.ref, item);
    const shown = await send(deps, report, item, picture);
    const nowMs = deps.clock.nowMs();
    const args = { sender, nowMs, shown, revision: item.revision };
    const { item: settled } = await deps.store.apply(statusMoves.settle, key, args, CAUSE);
    if (settled?.sender !== sender) return dispute(deps, report);
    if (settled.state === "idle") return shown.id ?? "";
    item = await lookAgain(deps, report, settled, settled.disputes === item.disputes ? shown : forgotten(shown));
    if (item.sender !== sender) return dispute(deps, report);
  }
  await deps.store.apply(statusMoves.release, key, { sender, nowMs: deps.clock.nowMs() }, CAUSE);
  throw new NameBusy(`${report.ref.name} changes faster than it can be shown`, 0);
}

/** What somebody else may have sent since is not known. */
const forgotten = ({ digest: _, ...shown }: Shown): Shown => shown;

async function lookAgain(deps: ReportDeps, { ref }: StatusReport, seen: StatusItem, shown: Shown): Promise<StatusItem> {
  const nowMs = deps.clock.nowMs();
  const { revision, sender = "" } = seen;
  const args = { sender, revision, nowMs, shown, untilMs: nowMs + REPORT_SENDER_MS };
  const { applied, item } = await deps.store.apply(statusMoves.again, statusKey(ref), args, CAUSE);
  if (item === undefined) throw new Error(`status ${ref.name} is gone`);
  // Refused, it has changed once more: what is shown counts as unknown, which costs a call and no truth.
  return applied ? item : { ...item, shown: forgotten(shown) };
}

async function send(deps: ReportDeps, report: StatusReport, item: StatusItem, picture: Picture): Promise<Shown> {
  if (shownAlready(picture, item.shown)) return item.shown;
  try {
    const status = withOthers(await report.render(picture.worst), picture, item);
    const id = await deps.forge.putStatus(report.project, status, placeOf(picture, item.shown));
    const { digest, word, isCompleted } = picture;
    return { digest, word, isCompleted, id, sends: item.shown.sends + 1 };
  } catch (error) {
    const args = { sender: item.sender ?? "", nowMs: deps.clock.nowMs() };
    await deps.store.apply(statusMoves.release, statusKey(report.ref), args, CAUSE);
    throw error;
  }
}

/** This sender was taken for dead, and what it sent may stand over its successor's. */
async function dispute(deps: ReportDeps, { ref }: StatusReport): Promise<never> {
  await deps.store.apply(statusMoves.dispute, statusKey(ref), { nowMs: deps.clock.nowMs() }, CAUSE);
  throw new NameBusy(`another sender took ${ref.name} over`, 0);
}

function statusItem({ ref, lane, entry }: StatusReport, nowMs: number): StatusItem {
  return {
    ...statusKey(ref),
    v: ITEM_VERSION,
    tenant: ref.tenant,
    ttl: ttlAt(nowMs + RETENTION_MS),
    family: "status",
    state: "idle",
    name: ref.name,
    seq: 0,
    revision: 1,
    disputes: 0,
    lanes: 1,
    entries: { [lane]: entry },
    shown: { isCompleted: false, sends: 0 },
  };
}
