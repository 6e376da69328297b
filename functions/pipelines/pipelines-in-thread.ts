import { DomainError } from "../../shared/domain/errors.ts";
import { READ_HERE_LENGTH_MAX } from "../../shared/domain/limits.ts";
import type { PipelineFile } from "../../shared/pipeline/plan-text.ts";
import { PIPELINES_HERE, type Pipelines } from "../../shared/usecases/pipelines.ts";
import { type Answer, makeReadingThread, type ReadingThread } from "./reading-thread.ts";

/**
 * Reads large pipelines in a thread of their own, one at a time: the stack's one event loop answers heartbeats meanwhile.
 * A small one costs less than its way there and back.
 */
export function pipelinesInThread(thread: ReadingThread = makeReadingThread()): Pipelines {
  const ask = async <K extends Answer["kind"]>(request: Parameters<ReadingThread>[0] & { kind: K }) => {
    const answer = await thread(request);
    if (answer === "too long") throw tooLong(request.file.path);
    return answer as Extract<Answer, { kind: K }>;
  };
  return {
    parse: async (file) => (isCheap(file) ? PIPELINES_HERE.parse(file) : (await ask({ kind: "parse", file })).parsing),
    plan: async (file, run) =>
      isCheap(file) ? PIPELINES_HERE.plan(file, run) : (await ask({ kind: "plan", file, run })).planning,
  };
}

/** Of a text with an anchor its length says little. */
const isCheap = ({ text }: PipelineFile): boolean => text.length <= READ_HERE_LENGTH_MAX && !/&[^\s&]/.test(text);

const tooLong = (path: string) =>
  new DomainError(
    "invalid_definition",
    `${path}: reading it took too long (READ_MAX_MS): make it smaller, or split it`,
  );
