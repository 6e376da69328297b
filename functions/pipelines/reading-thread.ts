import { Worker } from "node:worker_threads";
import { DomainError } from "../../shared/domain/errors.ts";
import { READ_MAX_MS, READS_WAITING_MAX } from "../../shared/domain/limits.ts";
import { inTurn } from "../../shared/lib/in-turn.ts";
import type { RunContext } from "../../shared/pipeline/interpolate.ts";
import type { Parsing } from "../../shared/pipeline/parse-pipeline.ts";
import type { Planning } from "../../shared/pipeline/plan-pipeline.ts";
import type { PipelineFile } from "../../shared/pipeline/plan-text.ts";

/** What the thread is asked, and what it answers (`main.ts`). */
export type Request =
  | { readonly kind: "parse"; readonly file: PipelineFile }
  | { readonly kind: "plan"; readonly file: PipelineFile; readonly run: RunContext };
export type Answer =
  | { readonly kind: "parse"; readonly parsing: Parsing }
  | { readonly kind: "plan"; readonly planning: Planning };

/** `too long` where the thread was ended, since it did not answer within `READ_MAX_MS`. */
export type ReadingThread = (request: Request) => Promise<Answer | "too long">;

/** A thread that reads pipelines in turn. It starts with the first, and keeps no process alive. Throws `throttled`. */
export function makeReadingThread(
  start: () => Worker = startThread,
  { readMaxMs, waitingMax }: { readMaxMs: number; waitingMax: number } = {
    readMaxMs: READ_MAX_MS,
    waitingMax: READS_WAITING_MAX,
  },
): ReadingThread {
  let running: Worker | undefined;
  let waiting = 0;
  const read = inTurn(async (request: Request) => {
    const worker = running ?? start();
    running = worker;
    const answer = await askOnce(worker, request, readMaxMs).catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    if (answer === "too long") running = undefined;
    return answer;
  });
  return async (request) => {
    if (waiting >= waitingMax)
      throw new DomainError("throttled", "too many large pipelines wait to be read: ask again");
    waiting += 1;
    try {
      return await read(request);
    } finally {
      waiting -= 1;
    }
  };
}

function startThread(): Worker {
  const worker = new Worker(new URL("./main.ts", import.meta.url));
  worker.unref();
  return worker;
}

/** Throws what ended the thread. */
async function askOnce(worker: Worker, request: Request, readMaxMs: number): Promise<Answer | "too long"> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | "too long">();
  const fail = (cause: unknown) => reject(new Error("the thread that reads pipelines ended", { cause }));
  const timer = setTimeout(() => resolve("too long"), readMaxMs);
  worker.once("message", resolve).once("error", fail).once("exit", fail);
  worker.postMessage(request);
  try {
    const answer = await promise;
    if (answer === "too long") await worker.terminate();
    return answer;
  } finally {
    clearTimeout(timer);
    worker.off("message", resolve).off("error", fail).off("exit", fail);
  }
}
