import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { checkMoves, joinMoves } from "../shared/domain/check-moves.ts";
import { deliveryMoves } from "../shared/domain/delivery-moves.ts";
import { headMoves, headsMoves, sweepMoves, tagsMoves } from "../shared/domain/heads-moves.ts";
import { JOB_TERMINAL, jobMoves } from "../shared/domain/job-moves.ts";
import { OUTBOX_TERMINAL, outboxMoves } from "../shared/domain/outbox-moves.ts";
import { refMoves } from "../shared/domain/ref-moves.ts";
import { RUN_TERMINAL, runMoves } from "../shared/domain/run-moves.ts";
import { scheduleMoves } from "../shared/domain/schedule-moves.ts";
import { statusMoves } from "../shared/domain/status-moves.ts";
import { openApiDocument } from "../shared/protocol/openapi.ts";
import { printIdleCost, printJobCost } from "./print-cost.ts";
import {
  printMetricCost,
  printMetrics,
  printOpenTelemetry,
  printProcessMetrics,
  printRunnerMetrics,
} from "./print-metrics.ts";
import { printDiagram, printMoves } from "./print-moves.ts";
import { printFailures, printLimits, printResources, printRoutes } from "./print-reference.ts";
import { printSecurity } from "./print-security.ts";
import { TRUST_BLOCKS } from "./print-trust.ts";

/**
 * Writes what is printed from code: docs/openapi.v1.json, and the blocks of the pages in docs/ between
 * `<!-- generated: NAME -->` and `<!-- end -->`. With `--check` it writes nothing, and exits with 1 where a file differs.
 */

type Blocks = Readonly<Record<string, () => string>>;

const ARCHITECTURE_BLOCKS: Blocks = {
  "run diagram": () => printDiagram(runMoves, RUN_TERMINAL),
  "run moves": () => printMoves(runMoves),
  "job diagram": () => printDiagram(jobMoves, JOB_TERMINAL),
  "job moves": () => printMoves(jobMoves),
  "check diagram": () => printDiagram(checkMoves, ["final"]),
  "check moves": () => printMoves(checkMoves),
  "join moves": () => printMoves(joinMoves),
  "outbox diagram": () => printDiagram(outboxMoves, OUTBOX_TERMINAL),
  "outbox moves": () => printMoves(outboxMoves),
  "status moves": () => printMoves(statusMoves),
  "delivery moves": () => printMoves(deliveryMoves),
  "ref moves": () => printMoves(refMoves),
  "heads moves": () => printMoves(headsMoves),
  "head moves": () => printMoves(headMoves),
  "tags moves": () => printMoves(tagsMoves),
  "schedule moves": () => printMoves(scheduleMoves),
  "sweep moves": () => printMoves(sweepMoves),
  failures: printFailures,
  limits: printLimits,
  resources: printResources,
  routes: printRoutes,
};

const METRICS_BLOCKS: Blocks = {
  metrics: printMetrics,
  "metric cost": printMetricCost,
  opentelemetry: printOpenTelemetry,
  "process metrics": printProcessMetrics,
  "runner metrics": printRunnerMetrics,
};

/** The text with every generated block printed anew. Throws on a block without a printer, and on one that is missing. */
const refresh =
  (file: string, blocks: Blocks) =>
  (text: string): string => {
    const seen = new Set<string>();
    const fresh = text.replace(/<!-- generated: ([\w ]+) -->\n.*?<!-- end -->/gs, (_, name: string) => {
      const print = blocks[name];
      if (print === undefined) throw new Error(`nothing prints the block "${name}" of docs/${file}`);
      seen.add(name);
      return `<!-- generated: ${name} -->\n${print()}\n<!-- end -->`;
    });
    const missing = Object.keys(blocks).filter((name) => !seen.has(name));
    if (missing.length > 0) throw new Error(`docs/${file} lacks the blocks: ${missing.join(", ")}`);
    return fresh;
  };

const FILES: Readonly<Record<string, (found: string) => string>> = {
  "ARCHITECTURE.md": refresh("ARCHITECTURE.md", ARCHITECTURE_BLOCKS),
  "DEPLOY.md": refresh("DEPLOY.md", { "idle cost": printIdleCost, "job cost": printJobCost }),
  "METRICS.md": refresh("METRICS.md", METRICS_BLOCKS),
  "SECURITY.md": refresh("SECURITY.md", { security: printSecurity }),
  "TRUST.md": refresh("TRUST.md", TRUST_BLOCKS),
  "openapi.v1.json": () => `${JSON.stringify(openApiDocument(), null, 2)}\n`,
};

async function printDocs(write: boolean): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, print] of Object.entries(FILES)) {
    const file = path.join(import.meta.dirname, name);
    const found = await readFile(file, "utf8");
    const fresh = print(found);
    if (fresh === found) continue;
    stale.push(name);
    if (write) await writeFile(file, fresh);
  }
  return stale;
}

const checking = process.argv.includes("--check");
const stale = await printDocs(!checking);
for (const name of stale)
  console.log(checking ? `docs/${name} differs from the code and the recorded results: npm run docs` : `docs/${name}`);
process.exitCode = checking && stale.length > 0 ? 1 : 0;
