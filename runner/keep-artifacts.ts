import { cut } from "../shared/lib/cut.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { bucketRequest } from "../shared/lib/request-meter.ts";
import { TransferError } from "../shared/lib/transfer.ts";
import type { SignedRequest } from "../shared/protocol/leases.ts";
import type { Artifact } from "../shared/protocol/products.ts";
import type { Attempt } from "./attempt-state.ts";
import type { Journal } from "./journal.ts";
import { persist } from "./lease-calls.ts";
import type { CollectedArtifacts } from "./products/artifacts.ts";
import { REFUSALS_MAX } from "./products/limits.ts";
import type { Work } from "./run-steps.ts";

/** Kept of the attempt's time, beside an upload without end, for its log and its last word. */
const LAST_WORD_MS = 15_000;
const MESSAGE_LENGTH_MAX = 1_000;

export interface KeptArtifacts {
  readonly artifacts: readonly Artifact[];
  /** For the attempt's end: what is not kept, a line each. */
  readonly losses: readonly string[];
  /** Set where something was made, and none of it could be kept. */
  readonly lost?: Work & { readonly kind: "lost" };
}

/** Collects and uploads what the job's paths match, and writes into its log what of it is not kept. Never throws. */
export async function keepArtifacts(attempt: Attempt, journal: Journal, signal: AbortSignal): Promise<KeptArtifacts> {
  const { deps, granted, execution } = attempt;
  const patterns = granted.spec.artifacts.paths;
  if (patterns.length === 0) return { artifacts: [], losses: [] };
  const { workspace, archives } = execution.folders;
  let warnings: readonly string[] = [];
  try {
    const seenAs = execution.seen.workspace;
    const collected = await deps.io.collectArtifacts({ workspace, seenAs, patterns, spoolDir: archives, signal });
    ({ warnings } = collected);
    for (const warning of warnings) journal.line(`warning: ${warning}`);
    if (collected.archive !== undefined) {
      await upload(attempt, collected.archive, signal);
      return { artifacts: [collected.archive.artifact], losses: warnings };
    }
    if (collected.missed === 0) return { artifacts: [], losses: warnings };
    const message = `nothing of what the artifact paths match could be kept: ${reasons(collected)}`;
    return allLost(journal, warnings, "tooling", message, new Error(message));
  } catch (cause) {
    return allLost(
      journal,
      warnings,
      "infra",
      `the artifacts could not be kept: ${isDiskFull(cause) ? "the disk is full" : messageOf(cause)}`,
      cause,
    );
  }
}

const reasons = ({ warnings }: CollectedArtifacts): string => warnings.slice(1, 4).join("; ");

function allLost(
  journal: Journal,
  warnings: readonly string[],
  failureClass: "infra" | "tooling",
  text: string,
  cause: unknown,
): KeptArtifacts {
  const message = cut(text, MESSAGE_LENGTH_MAX);
  journal.line(message);
  const failure = { class: failureClass, message };
  return {
    artifacts: [],
    losses: [message, ...warnings],
    lost: { kind: "lost", reason: "artifacts_lost", failure, cause },
  };
}

/** A link lives for minutes, and an upload may take hours: a refused one is asked for anew, a few times. */
async function upload(
  attempt: Attempt,
  { file, artifact }: NonNullable<CollectedArtifacts["archive"]>,
  signal: AbortSignal,
): Promise<void> {
  const { deps, hardDeadlineAtMs } = attempt;
  const leftMs = Math.max(0, Math.floor(hardDeadlineAtMs - LAST_WORD_MS - deps.clock.monotonicMs()));
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
  for (let refusals = 1; ; refusals += 1) {
    const link = await linkTo(attempt, artifact, inTime);
    try {
      deps.meter(bucketRequest("PutObject"));
      return await deps.io.uploadFile(link, file, artifact.bytes, inTime);
    } catch (error) {
      if (!(error instanceof TransferError) || error.status !== 403 || refusals > REFUSALS_MAX) throw error;
    }
  }
}

async function linkTo(
  attempt: Attempt,
  { name, bytes, sha256 }: Artifact,
  signal: AbortSignal,
): Promise<SignedRequest> {
  const { deps, lease, hardDeadlineAtMs } = attempt;
  const ask = () => lease.uploads([{ kind: "artifact", name, bytes, sha256 }], { signal });
  // A moment without an answer must not cost a job its artifacts.
  const asked = await persist(ask, { untilMs: hardDeadlineAtMs - LAST_WORD_MS, clock: deps.clock, signal });
  if (asked.kind === "stale") throw new Error("the lease is not ours any more");
  if (asked.kind === "gave_up") throw asked.cause;
  const [request] = asked.reply;
  if (request === undefined) throw new Error("the control plane answered no link");
  return request;
}
