import { Worker } from "node:worker_threads";
import { systemCode } from "./system-code.ts";

/**
 * Runs one call in a thread of its own: work of many small, blocking steps, each of which would cost a switch between
 * threads if it were awaited, and all of which would keep the event loop from its heartbeats if it were not.
 */

/** What a thread sends at its end. */
export type ThreadEnd = { readonly value: unknown } | { readonly failure: ThreadFailure };

export interface ThreadFailure {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** The call threw in its thread: `thrown` is the name of what it threw, `code` the system's, where it had one. */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
  readonly thrown: string;
  readonly code: string | undefined;

  constructor({ name, message, code }: ThreadFailure) {
    super(message);
    this.thrown = name;
    this.code = code;
  }
}

/**
 * `module` is a file that posts a `ThreadEnd`: `T` is what it says that it posts. Throws ThreadError for what it throws, and the signal's reason once the
 * thread is gone: from then on it does nothing more.
 */
export async function runInThread<T>(module: URL, input: object, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  const worker = new Worker(module, { workerData: input, stdin: false });
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const stop = () => void worker.terminate();
  signal?.addEventListener("abort", stop, { once: true });
  worker.on("message", (end: ThreadEnd) => {
    if ("value" in end) resolve(end.value as T);
    else reject(new ThreadError(end.failure));
  });
  worker.on("error", reject);
  const exited = new Promise<void>((done) => {
    worker.on("exit", (code) => {
      reject(signal?.aborted ? signal.reason : new Error(`a thread ended without an answer, with code ${code}`));
      done();
    });
  });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
    await exited;
  }
}

/** An error as it travels between threads. */
export function failureOf(error: unknown): ThreadFailure {
  const code = systemCode(error);
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, message, ...(code === undefined ? {} : { code }) };
}
