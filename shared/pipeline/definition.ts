import type { Position } from "./problem.ts";

/** A pipeline as its file says it, checked but not resolved: the same from every front end. Times in milliseconds. */
export interface PipelineDefinition {
  /** As problems name it. */
  readonly file: string;
  readonly name: Template | undefined;
  readonly on: Triggers | undefined;
  /** A newer push to the same branch or pull request cancels the older runs of this pipeline. */
  readonly supersede: boolean;
  readonly env: readonly EnvEntry[];
  /** In the order of the file. */
  readonly jobs: readonly JobDefinition[];
  /** Ids of jobs that are in the file and could not be read, which is reported. */
  readonly unreadJobs: readonly string[];
}

/** A value and where it stands, so that a later refusal can still point at it. */
export interface Located<T> {
  readonly value: T;
  readonly at: Position;
}

/** Text in which `${…}` is replaced when the run is planned (`interpolate.ts`). */
export type Template = Located<string>;

export interface EnvEntry {
  readonly name: string;
  readonly value: Template;
}

export interface JobDefinition {
  readonly id: string;
  readonly at: Position;
  readonly name: Template | undefined;
  readonly needs: readonly Located<string>[];
  readonly steps: readonly StepDefinition[];
  readonly shell: string | undefined;
  readonly env: readonly EnvEntry[];
  readonly pool: Template | undefined;
  readonly timeoutMs: number;
  readonly retries: { readonly failed: number; readonly lost: number };
  readonly artifacts: { readonly paths: readonly Template[]; readonly from: readonly Located<string>[] };
  readonly checks: readonly Located<string>[];
  readonly allowFailure: boolean;
  readonly secrets: readonly Located<string>[];
}

export interface StepDefinition {
  readonly at: Position;
  readonly name: Template | undefined;
  /** Never interpolated: a script reads its environment, so that no outside text becomes code. */
  readonly run: string;
  readonly shell: string | undefined;
  readonly env: readonly EnvEntry[];
  readonly workdir: Template | undefined;
  readonly timeoutMs: number | undefined;
}

/** When runs are to start. An empty list of patterns matches everything. */
export interface Triggers {
  readonly push: { readonly branches: string[]; readonly tags: string[]; readonly paths: string[] } | undefined;
  readonly pullRequest: { readonly branches: string[]; readonly paths: string[] } | undefined;
  readonly schedule: readonly Schedule[];
  readonly manual: boolean;
}

export interface Schedule {
  /** Five fields, UTC. */
  readonly cron: string;
  readonly branch: string | undefined;
}
