import { parentPort } from "node:worker_threads";
import { useBundledPackages } from "../../shared/lib/bundled-packages.ts";
import type { Answer, Request } from "./reading-thread.ts";

/** The thread that reads pipelines: one request, one answer. */

useBundledPackages(process.env);
const { parsePipeline } = await import("../../shared/pipeline/parse-pipeline.ts");
const { planText } = await import("../../shared/pipeline/plan-text.ts");

parentPort?.on("message", (request: Request) => parentPort?.postMessage(answerOf(request)));

function answerOf(request: Request): Answer {
  const { kind, file } = request;
  return kind === "parse"
    ? { kind, parsing: parsePipeline(file.text, file.path) }
    : { kind, planning: planText(file, request.run) };
}
