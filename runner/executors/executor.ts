import type { Deadline, ReleaseCall } from "../watchdog/protocol.ts";
import type { PlaceOf } from "./slot-folders.ts";

/**
 * What runs an attempt's steps. An executor owns everything that could outlive the runner: it must end the steps by
 * itself when the runner is gone or the deadline passes, and then give the lease back (DESIGN section 5, "Fencing
 * itself"). `process` runs them as child processes; a container's executor has the same shape, with the pod's or
 * container's own deadline in the watchdog's place.
 */
export interface Executor {
  /** Takes hold of an attempt. No step runs yet. */
  start(request: StartAttempt): Promise<Execution>;
  /** Ends what is kept warm. */
  close(): Promise<void>;
}

/** Takes a step's output, which is valid during the call alone. A promise asks for a pause until it is resolved. */
export type OutputSink = (bytes: Buffer) => void | Promise<void>;

export interface StartAttempt extends Deadline {
  /** `<run>/<job>`, and those of the same run whose artifacts it takes. */
  readonly place: PlaceOf;
  /** Whose job it is: it decides how much a sandbox shows. Unknown of an older control plane. */
  readonly pool: string | undefined;
  /** Marks the attempt's processes: `<run>/<job>/<fence>/<random>`. */
  readonly cookie: string;
  readonly output: OutputSink;
  readonly release: ReleaseCall;
}

export interface Folders {
  /** The attempt's own folder, which holds all others. */
  readonly root: string;
  /** Where steps begin; empty at first. The only folder that is the job's business. */
  readonly workspace: string;
  readonly home: string;
  readonly temporary: string;
  /** The runner's own: scripts of the steps, the log's spool, archives. Beside the workspace, not in it. */
  readonly scripts: string;
  readonly spool: string;
  readonly archives: string;
}

/** The folders that a step uses, by the paths where it finds them: in a sandbox others than the runner's. */
export type SeenFolders = Pick<Folders, "workspace" | "home" | "temporary" | "scripts">;

export interface StepCommand {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export type StepEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signaled"; readonly signal: string }
  /** It never ran: no such shell, arguments too long, no such folder. `code` is the system's name. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "lost" };

/** How an execution ended without being asked. Either way nothing of it runs any more, where `clean`. */
export interface Lost {
  /** `fenced`: the deadline passed, and the lease is being given back. `executor_died`: nobody gave it back. */
  readonly kind: "fenced" | "executor_died";
  readonly clean: boolean;
}

export interface Execution {
  readonly folders: Folders;
  readonly seen: SeenFolders;
  /** What the job's author should know of where it runs. */
  readonly warnings: readonly string[];
  /** Resolves when the step's own process has ended and all that was written before then has reached `output`. */
  run(step: StepCommand): Promise<StepEnd>;
  /** Writes the deadline that each renewal moves. */
  renew(deadline: Deadline): void;
  /**
   * Ends every process of the attempt and returns when they are gone: SIGTERM, the grace time, SIGKILL. Needed at the end
   * of every attempt: a step's background processes live until then, so that one step may start what the next uses.
   */
  stop(graceMs: number): Promise<{ readonly clean: boolean; readonly killed: number }>;
  readonly lost: Promise<Lost>;
  /** The control plane has the last word: holds nothing any more, removes the folders unless they are to be kept. */
  close(): Promise<void>;
}
