import type { Clock } from "../shared/lib/clock.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import type { Client } from "../shared/protocol/client.ts";
import type { LeaseGranted } from "../shared/protocol/leases.ts";
import type { AttemptIo } from "./attempt-io.ts";
import type { Emit } from "./events.ts";
import type { Execution, Executor } from "./executors/executor.ts";
import type { Interruptions } from "./interruptions.ts";
import type { LeaseCalls } from "./lease-calls.ts";
import type { Room } from "./mend-folders.ts";
import type { Nudge } from "./nudge.ts";
import type { SecretsFile } from "./secrets-file.ts";
import type { HostEnvironment } from "./step-environment.ts";
import type { Deadline } from "./watchdog/protocol.ts";

export interface AttemptDeps {
  readonly client: Client;
  readonly executor: Executor;
  readonly io: AttemptIo;
  /** Its monotonic side is the boot clock. */
  readonly clock: Clock;
  readonly emit: Emit;
  readonly nudge: Nudge;
  /** Counts requests to the bucket. */
  readonly meter: RequestMeter;
  readonly host: HostEnvironment;
  readonly cacheDir: string;
  /** Local folders that a git source may lie in. */
  readonly allowedRoots: readonly string[];
  readonly secretsFile: SecretsFile | undefined;
}

/** What the parts of one attempt share. */
export interface Attempt {
  readonly deps: AttemptDeps;
  readonly granted: LeaseGranted;
  readonly lease: LeaseCalls;
  readonly cookie: string;
  readonly execution: Execution;
  readonly interruptions: Interruptions;
  readonly hardDeadlineAtMs: number;
  readonly progress: { phase: "starting" | "running" | "uploading"; step: number };
  /** The lease as it stands: moved by each renewal. */
  readonly held: { deadline: Deadline };
  /** On the disk, when the first step began; undefined before. */
  readonly freeRoom: { before?: Room };
}

/** Tells the operator what went wrong with an attempt beside its own end. */
export function trouble({ deps, granted }: Attempt, what: string, error: unknown): void {
  const message = `${what}: ${messageOf(error)}`;
  deps.emit({ type: "trouble", message, run: granted.runId, job: granted.jobId });
}
