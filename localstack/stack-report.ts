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
    readonly dynamodb: number;
    /** SQS and S3. */
    readonly aws: number;
  };
  /** The DynamoDB engine's process. */
  readonly enginePid: number;
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
  const { url, pid, tokenFile, runnerTokenFile, ports, enginePid } = report;
  if (typeof url !== "string" || typeof tokenFile !== "string" || typeof runnerTokenFile !== "string") return undefined;
  if (typeof pid !== "number" || typeof enginePid !== "number" || !isRecord(ports)) return undefined;
  const { gateway, dynamodb, aws } = ports;
  if (typeof gateway !== "number" || typeof dynamodb !== "number" || typeof aws !== "number") return undefined;
  return { kind: "ready", url, pid, tokenFile, runnerTokenFile, ports: { gateway, dynamodb, aws }, enginePid };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
