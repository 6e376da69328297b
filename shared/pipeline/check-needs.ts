import type { JobDefinition, Located, PipelineDefinition } from "./definition.ts";
import { type Problems, quoted } from "./problem.ts";
import { suggest } from "./suggest.ts";

/** The graph of jobs: every need is a job, nothing needs itself, and artifacts come from jobs that have ended before. */
export function checkNeeds({ jobs, unreadJobs }: PipelineDefinition, problems: Problems): void {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const known: Known = { byId, unread: new Set(unreadJobs) };
  for (const job of jobs) {
    for (const need of job.needs) checkNeed(job, need, known, problems);
  }
  const order = checkCycles(jobs, byId, problems);
  checkInputs(jobs, known, ancestorsOf(order, byId), problems);
}

type ById = ReadonlyMap<string, JobDefinition>;

/** What is wrong with an unread job is reported where it stands: that others need it is no second problem. */
interface Known {
  readonly byId: ById;
  readonly unread: ReadonlySet<string>;
}

function checkNeed(job: JobDefinition, need: Located<string>, { byId, unread }: Known, problems: Problems): void {
  if (need.value === job.id) {
    problems.report(need.at, `the job ${quoted(job.id)} needs itself`);
  } else if (!byId.has(need.value) && !unread.has(need.value)) {
    const others = [...byId.keys()].filter((id) => id !== job.id);
    problems.report(need.at, `jobs.${job.id} needs ${quoted(need.value)}, which is not a job`, () =>
      suggest(need.value, others),
    );
  }
}

interface Visit {
  readonly job: JobDefinition;
  next: number;
}

/** Depth first with a stack of its own. Answers the jobs so that each stands after those it needs, cycles cut. */
function checkCycles(jobs: readonly JobDefinition[], byId: ById, problems: Problems): JobDefinition[] {
  const ended = new Set<string>();
  const order: JobDefinition[] = [];
  for (const start of jobs) {
    if (ended.has(start.id)) continue;
    const path: Visit[] = [{ job: start, next: 0 }];
    const open = new Set([start.id]);
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const need = visit.job.needs[visit.next];
      visit.next += 1;
      if (need === undefined) {
        path.pop();
        open.delete(visit.job.id);
        ended.add(visit.job.id);
        order.push(visit.job);
      } else if (open.has(need.value)) {
        if (need.value !== visit.job.id) reportCycle(path, need, problems);
      } else if (!ended.has(need.value)) {
        const job = byId.get(need.value);
        if (job === undefined) continue;
        open.add(job.id);
        path.push({ job, next: 0 });
      }
    }
  }
  return order;
}

const CYCLE_SHOWN_MAX = 12;

function reportCycle(path: readonly Visit[], closing: Located<string>, problems: Problems): void {
  const ids = path.map((visit) => visit.job.id);
  const cycle = [...ids.slice(ids.indexOf(closing.value)), closing.value];
  const shown =
    cycle.length <= CYCLE_SHOWN_MAX ? cycle : [...cycle.slice(0, CYCLE_SHOWN_MAX - 2), "…", ...cycle.slice(-2)];
  problems.report(closing.at, `jobs need each other in a circle: ${shown.join(" → ")}`);
}

/** Everything that each job waits for, as a set of bits: one bit for each job, in the given order. */
interface Ancestors {
  has(job: string, ancestor: string): boolean;
}

function ancestorsOf(order: readonly JobDefinition[], byId: ById): Ancestors {
  const index = new Map(order.map((job, position) => [job.id, BigInt(position)]));
  const bits = new Map<string, bigint>();
  for (const job of order) {
    let own = 0n;
    for (const need of job.needs) {
      const at = index.get(need.value);
      if (at !== undefined && byId.has(need.value)) own |= (1n << at) | (bits.get(need.value) ?? 0n);
    }
    bits.set(job.id, own);
  }
  return {
    has: (job, ancestor) => {
      const at = index.get(ancestor);
      return at !== undefined && ((bits.get(job) ?? 0n) & (1n << at)) !== 0n;
    },
  };
}

function checkInputs(
  jobs: readonly JobDefinition[],
  { byId, unread }: Known,
  ancestors: Ancestors,
  problems: Problems,
): void {
  for (const job of jobs) {
    for (const { value, at } of job.artifacts.from) {
      if (unread.has(value)) continue;
      const from = byId.get(value);
      if (from === undefined) {
        problems.report(at, `jobs.${job.id} takes artifacts from ${quoted(value)}, which is not a job`, () =>
          suggest(
            value,
            [...byId.keys()].filter((id) => id !== job.id),
          ),
        );
      } else if (!ancestors.has(job.id, value)) {
        problems.report(at, `jobs.${job.id} takes artifacts from ${quoted(value)}, but does not need it`);
      } else if (from.artifacts.paths.length === 0) {
        problems.report(at, `jobs.${job.id} takes artifacts from ${quoted(value)}, which has no artifacts.paths`);
      }
    }
  }
}
