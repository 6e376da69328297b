import { START_FAILURES, type StartFailureCode } from "./start-failure.ts";

/** What the stack process tells its parent, once: it serves, or why not. Light: the command line's start-up waits for it. */

export interface StackReady {
  readonly kind: "ready";
  readonly url: string;
  readonly pid: number;
  readonly tokenFile: string;
  readonly runnerTokenFile: string;
  readonly ports: {
    readonly gateway: number;
    /** SQS and S3. */
    readonly aws: number;
  };
  /** The DynamoDB engine's process. */
  readonly enginePid: number;
  /** Where it is, in its own network namespace or, where `exposed`, in the machine's. */
  readonly tableUrl: string;
  /** What is not safe on a machine that others use, in one line; absent where all is. */
  readonly exposed?: string;
}

export interface StackFailed {
  readonly kind: "failed";
  readonly code: StartFailureCode;
  readonly message: string;
}

/** A runner has ended an attempt, and what follows from it is in the table: whoever follows a run looks now. */
export interface StackMoved {
  readonly kind: "moved";
}

/** Reads a report; undefined where the message is none. By hand, since a schema library costs the start-up 20 ms. */
export function readReport(message: unknown): StackReady | StackFailed | StackMoved | undefined {
  if (!isRecord(message)) return undefined;
  if (message["kind"] === "moved") return { kind: "moved" };
  if (message["kind"] === "failed") return readFailed(message);
  return message["kind"] === "ready" ? readReady(message) : undefined;
}

function readFailed({ code, message }: Record<string, unknown>): StackFailed | undefined {
  const known = START_FAILURES.find((failure) => failure === code);
  return known === undefined || typeof message !== "string" ? undefined : { kind: "failed", code: known, message };
}

function readReady(report: Record<string, unknown>): StackReady | undefined {
  const { url, pid, tokenFile, runnerTokenFile, ports, enginePid, tableUrl, exposed } = report;
  if (typeof url !== "string" || typeof tokenFile !== "string" || typeof runnerTokenFile !== "string") return undefined;
  if (typeof pid !== "number" || typeof enginePid !== "number" || !isRecord(ports)) return undefined;
  const { gateway, aws } = ports;
  if (typeof gateway !== "number" || typeof aws !== "number" || typeof tableUrl !== "string") return undefined;
  const ready = {
    kind: "ready",
    url,
    pid,
    tokenFile,
    runnerTokenFile,
    ports: { gateway, aws },
    enginePid,
    tableUrl,
  } as const;
  return typeof exposed === "string" ? { ...ready, exposed } : ready;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
