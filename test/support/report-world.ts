import { generateKeyPairSync } from "node:crypto";
import { makeGithubForge } from "../../functions/forges/github/github-forge.ts";
import { SWEEP_LAG_MS } from "../../shared/domain/limits.ts";
import type { Plan } from "../../shared/domain/plan.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { type OutboxRef, outboxRefOf } from "../../shared/store/keys.ts";
import type { OutboxItem } from "../../shared/store/report-items.ts";
import type { RunSeed } from "../../shared/usecases/births.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import type { ReportDeps } from "../../shared/usecases/report-deps.ts";
import { reportComment } from "../../shared/usecases/report-pull.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { sweepReports } from "../../shared/usecases/sweep-reports.ts";
import { toRunTrigger } from "../../shared/usecases/trigger-key.ts";
import { forgeProject } from "./forge-project.ts";
import { addCommit, type CheckRun, type RepositoryState } from "./recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "./recording-forge.ts";
import { lastWord, runningAt, startRun } from "./scenario.ts";
import { MINUTE_MS } from "./times.ts";
import { startWorld, type World } from "./world.ts";

/** The use cases on the real table, and a GitHub of our own that they report to over real HTTP. */
export interface ReportWorld {
  readonly world: World;
  readonly deps: ReportDeps;
  /** With a client of the forge that has no token yet. */
  freshDeps(): ReportDeps;
  readonly forge: RecordingForge;
  readonly repository: RepositoryState;
  /** An App's project; every change of it makes another. */
  addProject(change?: Parameters<typeof forgeProject>[1]): Promise<ProjectItem>;
  /** Between two tests: the forge is well again, no forge is shown anything more, and no message is left. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

const APP_ID = 11;
const TIMEOUT_MS = 300;
let projects = 0;

export async function startReportWorld(): Promise<ReportWorld> {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const privateKey = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const app = { appId: APP_ID, publicKey: pair.publicKey, installationId: 5 };
  const world = await startWorld();
  const { deps } = world;
  const forge = await startRecordingForge({ app, tokens: { ghp_x: "baton-bot" }, nowMs: deps.clock.nowMs });
  const names: string[] = [];
  const freshDeps = (): ReportDeps => ({
    ...deps,
    publicUrl: "https://baton.test/",
    forge: makeGithubForge({
      hosts: [forge.host],
      secrets: deps.secrets,
      clock: { ...systemClock, nowMs: deps.clock.nowMs },
      log: deps.log,
      timeoutMs: TIMEOUT_MS,
    }),
  });
  const reporting = freshDeps();
  return {
    world,
    deps: reporting,
    freshDeps,
    forge,
    repository: forge.repository("acme/widgets"),
    async clear() {
      forge.heal();
      for (const name of names.splice(0)) await deps.projects.removeProject("main", name, world.clock.nowMs);
      for (const queue of [world.sent.reports, world.sent.ticks, world.sent.offers]) queue.splice(0);
    },
    async addProject(change = {}) {
      projects += 1;
      const name = `project-${projects}`;
      const project = forgeProject(forge.url, { name, ...change, forge: { credentials: "app", ...change.forge } });
      const secret = project.forge.credentials === "app" ? JSON.stringify({ appId: APP_ID, privateKey }) : "ghp_x";
      await deps.secrets.put(`projects/${name}/forge`, bindSecret(project.forge.apiUrl, secret));
      await deps.projects.addProject(project);
      names.push(name);
      return project;
    },
    async stop() {
      await Promise.all([world.stop(), forge.stop()]);
    },
  };
}

/** A run of the plan that a push of a new commit started, or another event. */
export async function startReported(
  { world, deps, repository }: Pick<ReportWorld, "world" | "deps" | "repository">,
  project: ProjectItem,
  plan: Plan,
  change: Partial<RunSeed> & { readonly event?: Partial<Extract<Trigger, { event: "pull_request" }>> } = {},
): Promise<RunItem> {
  const { event, ...seed } = change;
  const sha = event?.sha ?? addCommit(repository, { branch: "main" }).sha;
  const happened = { sha, branch: "main", occurredAtMs: world.clock.nowMs, actor: "somebody" };
  const trigger: Trigger =
    event === undefined
      ? { event: "push", ...happened }
      : {
          event: "pull_request",
          action: "opened",
          number: 1,
          fork: false,
          base: { branch: "main", sha },
          ...happened,
          ...event,
        };
  return startRun(deps, plan, {
    project: project.name,
    source: { kind: "git", url: "https://forge.test/acme/widgets", sha, branch: "main" },
    trigger: toRunTrigger(trigger, "webhook", world.clock.nowMs),
    pipelinePath: ".baton/ci.yml",
    reports: true,
    ...seed,
  });
}

/** Runs a job of it, with this last word. */
export async function endReported(
  { deps }: Pick<ReportWorld, "deps">,
  { runId }: RunItem,
  jobId: string,
  ...word: Parameters<typeof lastWord>
): Promise<void> {
  const { claims } = await runningAt(deps, { runId, jobId });
  await completeJob(deps, claims, lastWord(...word));
}

export const outboxOf = (deps: ReportDeps, ref: OutboxRef): Promise<OutboxItem | undefined> =>
  deps.reports.getOutbox(ref);

/** Of one run, in the order in which they were made. */
export const checkRunsOf = ({ repository }: Pick<ReportWorld, "repository">, run: RunItem): CheckRun[] =>
  repository.checkRuns.filter((check) => check.external_id?.startsWith(run.runId));

/** Names to what each shows: its conclusion, or its state where it has none. */
export const shownOf = (world: Pick<ReportWorld, "repository">, run: RunItem): Record<string, string> =>
  Object.fromEntries(checkRunsOf(world, run).map(({ name, status, conclusion }) => [name, conclusion ?? status]));

const ROUNDS_MAX = 2_000;
const RECEIVES_MAX = 5;
const VISIBILITY_MS = 180_000;

interface Message {
  readonly ref: OutboxRef;
  readonly dueMs: number;
  readonly receives: number;
}

/**
 * Plays the queue `reports`, the sweep and the time until there is nothing to wait for: a message that fails comes back
 * as SQS would bring it. `deps` are those of the nth call.
 */
export async function deliverReports(
  { world, deps }: Pick<ReportWorld, "world" | "deps">,
  {
    depsOf = () => deps,
    until = world.clock.nowMs + 30 * MINUTE_MS,
  }: {
    readonly depsOf?: (call: number) => ReportDeps;
    /** As far as time may go. */
    readonly until?: number;
  } = {},
): Promise<void> {
  let messages: Message[] = [];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { nowMs } = world.clock;
    messages.push(
      ...world.sent.reports.splice(0).map(({ ref, delayMs }) => ({ ref, dueMs: nowMs + delayMs, receives: 0 })),
    );
    messages.sort((a, b) => a.dueMs - b.dueMs);
    const next = messages[0];
    if (next !== undefined && next.dueMs <= nowMs) {
      messages = messages.slice(1);
      const again = await receive(depsOf(round), next);
      if (again && next.receives + 1 < RECEIVES_MAX)
        messages.push({ ...next, dueMs: nowMs + VISIBILITY_MS, receives: next.receives + 1 });
      continue;
    }
    const laterMs = next?.dueMs ?? (await sweptAtMs(deps, nowMs, until));
    if (laterMs === undefined) return;
    world.clock.nowMs = Math.min(until, laterMs);
    if (laterMs > until) return;
    if (next === undefined) await sweepReports(deps);
  }
  throw new Error(`the reports did not come to rest in ${ROUNDS_MAX} rounds`);
}

/** When a sweep finds the next outbox that is due until then; undefined where none is. */
async function sweptAtMs(deps: ReportDeps, nowMs: number, untilMs: number): Promise<number | undefined> {
  const [key] = await deps.reports.dueOutboxes(untilMs, 1);
  if (key === undefined) return undefined;
  const dueMs = (await deps.reports.getOutbox(outboxRefOf(key)))?.wakeAtMs ?? nowMs;
  return Math.max(nowMs + 1, dueMs + SWEEP_LAG_MS + 1);
}

/** True where it failed. */
async function receive(deps: ReportDeps, { ref }: Message): Promise<boolean> {
  try {
    if ("runId" in ref) await reportRun(deps, ref);
    else await reportComment(deps, ref);
    return false;
  } catch {
    return true;
  }
}
