import { ENV_BYTES_MAX, ENV_ENTRIES_MAX, PLAN_BYTES_MAX, SPEC_BYTES_MAX } from "../domain/limits.ts";
import { type JobSpec, type Plan, type PlannedJob, POOL_DEFAULT, type Step } from "../domain/plan.ts";
import { allOf } from "../domain/predicate.ts";
import { fitName, nameMistake, pathMistake, patternMistake, poolMistake } from "./check-text.ts";
import type { EnvEntry, JobDefinition, PipelineDefinition, StepDefinition, Template } from "./definition.ts";
import { interpolate, type RunContext, type Scope } from "./interpolate.ts";
import { collectProblems, type Problem, type Problems, quoted } from "./problem.ts";
import { EMPTY_ENV, type Env, type EnvSource, readingScope, resolveEnv } from "./resolve-env.ts";

/** A plan, or why there is none. */
export interface Planning {
  readonly plan?: Plan;
  readonly problems: Problem[];
}

/**
 * Resolves a definition for one run: every `${…}` replaced, defaults filled in, needs as predicates. Pure: the same
 * definition and run give the same plan. What a run makes wrong (no commit, a branch that is no pool's name) is a
 * problem at its place in the file.
 */
export function planPipeline(definition: PipelineDefinition, run: RunContext): Planning {
  const problems = collectProblems(definition.file);
  const plan = planInto(definition, run, problems);
  const list = problems.list();
  return list.length === 0 ? { plan, problems: [] } : { problems: list };
}

/** As `planPipeline`, reporting into an existing collection. The plan is only good where nothing was reported. */
export function planInto(definition: PipelineDefinition, run: RunContext, problems: Problems): Plan {
  const source: EnvSource = { run, secrets: new Set(), problems };
  const env = resolveEnv(definition.env, EMPTY_ENV, source).all;
  const place: Place = { what: "", env, scope: readingScope(env, source), source };
  const pipeline = readName(place, "pipeline", definition.name);
  const pipelineEnv: PipelineEnv = { entries: definition.env, env };
  const jobs = definition.jobs.map((job) => planJob(job, pipelineEnv, { ...source, secrets: namesOf(job) }));
  checkSizes(definition, jobs, problems);
  return { pipeline: pipeline ?? baseName(definition.file), jobs };
}

/** What surrounds a value: its owner's name in messages, the variables and names known there. */
interface Place {
  readonly what: string;
  readonly env: Env;
  readonly scope: Scope;
  readonly source: EnvSource;
}

const namesOf = (job: JobDefinition): Set<string> => new Set(job.secrets.map((secret) => secret.value));

interface PipelineEnv {
  readonly entries: readonly EnvEntry[];
  readonly env: Env;
}

function planJob(job: JobDefinition, outer: PipelineEnv, source: EnvSource): PlannedJob {
  const env = resolveEnv(job.env, outer.env, source).all;
  const place: Place = { what: `jobs.${job.id}.`, env, scope: readingScope(env, source), source };
  checkEnvSize(job, env, source.problems);
  const globs = job.artifacts.paths.length === 0 ? place : globPlace(place, [outer.entries, job.env]);
  const spec: JobSpec = {
    name: readName(place, "name", job.name) ?? job.id,
    steps: job.steps.map((step, index) => planStep(job, step, index, place)),
    env: toRecord(env),
    secrets: job.secrets.map((secret) => secret.value),
    timeoutMs: job.timeoutMs,
    artifacts: {
      paths: job.artifacts.paths.flatMap((path) => read(globs, "artifacts.paths", path, patternMistake) ?? []),
      from: job.artifacts.from.map((from) => from.value),
    },
  };
  return {
    id: job.id,
    // What is overridden is not even read: it may be of a branch that is no pool's name.
    pool: source.run.pool ?? read(place, "pool", job.pool, poolMistake) ?? POOL_DEFAULT,
    ...(job.needs.length === 0 ? {} : { needs: allOf(job.needs.map((need) => need.value)) }),
    checks: job.checks.map((check) => check.value),
    allowFailure: job.allowFailure,
    retries: { ...job.retries },
    spec,
  };
}

function planStep(job: JobDefinition, step: StepDefinition, index: number, around: Place): Step {
  const { own, all } = resolveEnv(step.env, around.env, around.source);
  const scope = own.size === 0 ? around.scope : readingScope(all, around.source);
  const place: Place = { what: `${around.what}steps[${index}].`, env: all, scope, source: around.source };
  const workdir = read(place, "workdir", step.workdir, pathMistake);
  const shell = step.shell ?? job.shell;
  return {
    name: readName(place, "name", step.name) ?? `step ${index + 1}`,
    run: step.run,
    env: toRecord(own),
    ...(workdir === undefined ? {} : { workdir }),
    ...(step.timeoutMs === undefined ? {} : { timeoutMs: step.timeoutMs }),
    ...(shell === undefined ? {} : { shell }),
  };
}

/** A name as the file says it is checked; what values make of it fits, for nobody can keep a branch short. */
function readName(place: Place, key: string, template: Template | undefined): string | undefined {
  if (template?.value.includes("${") !== true) return read(place, key, template, nameMistake);
  const text = interpolate(template, place.scope, place.source.problems);
  return text === undefined ? undefined : fitName(text);
}

/** A branch is text in a glob, too, also by way of a variable: its signs are put in brackets, where they mean themselves. */
function globPlace(place: Place, definition: readonly (readonly EnvEntry[])[]): Place {
  const { run, ...others } = place.source;
  const asText = (name: string | undefined) => name?.replace(/[(){}|!]/g, "[$&]");
  const quoted = { ...run, branch: asText(run.branch), tag: asText(run.tag) };
  if (quoted.branch === run.branch && quoted.tag === run.tag) return place;
  // What is wrong with a variable was reported where it was read first.
  const silent: EnvSource = { ...others, run: quoted, problems: collectProblems("") };
  const env = definition.reduce<Env>((outer, entries) => resolveEnv(entries, outer, silent).all, EMPTY_ENV);
  return { ...place, env, scope: readingScope(env, { ...others, run: quoted }) };
}

/** The resolved text, checked after resolving: a branch name may bring what the file did not show. */
function read(
  place: Place,
  key: string,
  template: Template | undefined,
  mistakeOf: (text: string) => string | undefined,
): string | undefined {
  const { problems } = place.source;
  const text = template && interpolate(template, place.scope, problems);
  if (template === undefined || text === undefined) return undefined;
  const mistake = mistakeOf(text);
  if (mistake === undefined) return text;
  problems.report(template.at, `${place.what}${key}: ${quoted(text)} ${mistake}`);
  return undefined;
}

/** Own properties whatever the key: assignment would treat some names as more than data. */
function toRecord(env: Env): Record<string, string> {
  return Object.fromEntries([...env].map(([name, value]) => [name, value ?? ""]));
}

function checkEnvSize(job: JobDefinition, env: Env, problems: Problems): void {
  if (env.size > ENV_ENTRIES_MAX) {
    const message = `jobs.${job.id} has ${env.size} variables with the pipeline's; ${ENV_ENTRIES_MAX} are allowed (ENV_ENTRIES_MAX)`;
    problems.report(job.at, message);
  }
  let bytes = 0;
  for (const [name, value] of env) bytes += name.length + Buffer.byteLength(value ?? "");
  if (bytes <= ENV_BYTES_MAX) return;
  const message = `the variables of jobs.${job.id} have ${bytes} bytes with the pipeline's; ${ENV_BYTES_MAX} are allowed (ENV_BYTES_MAX)`;
  problems.report(job.at, message);
}

function checkSizes(definition: PipelineDefinition, jobs: readonly PlannedJob[], problems: Problems): void {
  let total = 0;
  for (const [index, job] of jobs.entries()) {
    const at = definition.jobs[index]?.at ?? { line: 1, column: 1 };
    const bytes = Buffer.byteLength(JSON.stringify(job.spec));
    if (bytes > SPEC_BYTES_MAX) {
      problems.report(
        at,
        `jobs.${job.id} is ${bytes} bytes as planned; ${SPEC_BYTES_MAX} are allowed (SPEC_BYTES_MAX)`,
      );
    }
    total += bytes;
    if (total <= PLAN_BYTES_MAX) continue;
    problems.report(at, `the plan is larger than ${PLAN_BYTES_MAX} bytes from this job on (PLAN_BYTES_MAX)`);
    return;
  }
}

/** The file's name without folders and extension: `.baton/ci.yml` is `ci`. */
function baseName(file: string): string {
  const name = (file.split("/").at(-1) ?? "").replace(/\.[^.]*$/, "");
  return nameMistake(name) === undefined ? name : "pipeline";
}
