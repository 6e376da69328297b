import type { EnvEntry, Template } from "./definition.ts";
import { interpolate, type RunContext, runScope, type Scope } from "./interpolate.ts";
import { type Problems, quoted } from "./problem.ts";
import { suggest } from "./suggest.ts";

/** Variables with their values; undefined where the value is wrong, which was reported then. */
export type Env = ReadonlyMap<string, string | undefined>;

export const EMPTY_ENV: Env = new Map();

/** What one level of `env` sets, and all that is known there: its own and what it inherits. */
interface EnvLevel {
  readonly own: Env;
  readonly all: Env;
}

export interface EnvSource {
  readonly run: RunContext;
  /** Names that are secrets here: only the runner ever has their values. */
  readonly secrets: ReadonlySet<string>;
  readonly problems: Problems;
}

/**
 * Resolves one level's variables. A value may name its siblings and whatever the outer levels set; its own name means
 * the outer one, so that a value can be extended.
 */
export function resolveEnv(entries: readonly EnvEntry[], outer: Env, source: EnvSource): EnvLevel {
  const siblings = new Map(entries.map((entry) => [entry.name, entry.value]));
  const own = new Map<string, string | undefined>();
  const open: string[] = [];
  const resolve = (name: string, value: Template): string | undefined => {
    open.push(name);
    const look = (wanted: string, template: Template) => lookUp(wanted, template, name);
    const names = () => [...siblings.keys(), ...outer.keys()];
    const text = interpolate(value, runScope(source.run, look, names, source.problems), source.problems);
    const checked = text?.includes("\0") ? reportNul(name, value, source.problems) : text;
    open.pop();
    own.set(name, checked);
    return checked;
  };
  const lookUp = (wanted: string, template: Template, from: string): string | undefined => {
    const sibling = siblings.get(wanted);
    if (sibling === undefined || (wanted === from && outer.has(wanted))) return inOuter(wanted, template);
    if (own.has(wanted)) return own.get(wanted);
    if (!open.includes(wanted)) return resolve(wanted, sibling);
    const circle = [...open.slice(open.indexOf(wanted)), wanted].join(" → ");
    source.problems.report(template.at, `variables refer to each other in a circle: ${circle}`);
    return undefined;
  };
  const inOuter = (wanted: string, template: Template): string | undefined =>
    outer.has(wanted)
      ? outer.get(wanted)
      : reportUnknown(wanted, template, [...siblings.keys(), ...outer.keys()], source);
  for (const { name, value } of entries) {
    if (!own.has(name)) resolve(name, value);
  }
  return { own, all: own.size === 0 ? outer : new Map([...outer, ...own]) };
}

/** What `${…}` means where variables are only read: names, pools and paths. */
export function readingScope(env: Env, source: EnvSource): Scope {
  const look = (wanted: string, template: Template): string | undefined =>
    env.has(wanted) ? env.get(wanted) : reportUnknown(wanted, template, env.keys(), source);
  return runScope(source.run, look, () => env.keys(), source.problems);
}

function reportNul(name: string, value: Template, problems: Problems): undefined {
  problems.report(value.at, `the value of ${quoted(name)} must not contain a NUL character`);
}

function reportUnknown(wanted: string, template: Template, known: Iterable<string>, source: EnvSource): undefined {
  if (source.secrets.has(wanted)) {
    source.problems.report(template.at, `\${env.${wanted}} is a secret: only the job's steps see its value`);
    return;
  }
  source.problems.report(template.at, `${quoted(`\${env.${wanted}}`)} is not set in any env around it`, () => {
    const near = suggest(wanted, known);
    return near && `env.${near}`;
  });
}
