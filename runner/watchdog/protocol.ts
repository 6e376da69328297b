/**
 * What the runner and a watchdog say to each other, over Node's IPC channel. Moments are on the boot clock
 * (boot-clock.ts), which both read, so that a message delayed by a stopped runner means what it meant when it was written.
 */

import type { Space, SpaceSpec } from "./space.ts";

/** When the steps must be gone: killing begins at `killAtMs`, and the lease may be somebody else's from `expiresAtMs`. */
export interface Deadline {
  readonly killAtMs: number;
  readonly expiresAtMs: number;
}

/** How to give the lease back. Travels over the pipe alone: never in an argument or an environment. */
export interface ReleaseCall {
  readonly url: string;
  readonly token: string;
}

export type Command =
  /** Holds an attempt from here on. `pipe` is a FIFO that the runner reads. Answered with `ready`, or `no_space`. */
  | ({
      readonly type: "attempt";
      readonly cookie: string;
      readonly pipe: string;
      readonly release: ReleaseCall;
      /** The namespaces that the steps are to have; without, they have the runner's. */
      readonly space?: SpaceSpec | undefined;
    } & Deadline)
  | ({ readonly type: "deadline" } & Deadline)
  /** Starts one step. Answered with `started` and `exited`, or with `refused`. */
  | {
      readonly type: "step";
      readonly command: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      readonly marker: string;
    }
  /** Ends every process of the attempt: SIGTERM, the grace time, SIGKILL. Answered with `stopped`. */
  | { readonly type: "stop"; readonly graceMs: number; readonly marker: string }
  /** The control plane knows the attempt's end: nothing is held any more. */
  | { readonly type: "done" };

export type Report =
  | { readonly type: "ready"; readonly space?: Space | undefined }
  /** The namespaces could not be made. Nothing runs; `done` is due. */
  | { readonly type: "no_space"; readonly message: string }
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  /** A step's own process ended. `groupLeft`: processes of its group or session live on, or their zombies. */
  | {
      readonly type: "exited";
      readonly pid: number;
      readonly exitCode?: number | undefined;
      readonly signal?: string | undefined;
      readonly groupLeft: boolean;
    }
  /** `killed` counts the processes that did not go by themselves. Not `clean`: some could not be ended. */
  | { readonly type: "stopped"; readonly clean: boolean; readonly killed: number }
  /** The deadline passed: the processes are gone, or not `clean`, and the watchdog is giving the lease back and leaving. */
  | { readonly type: "fenced"; readonly clean: boolean };
