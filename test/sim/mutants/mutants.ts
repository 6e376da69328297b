import { FORGE_MUTANTS } from "./forge-mutants.ts";

/** Planted faults in the real sources, each of which the simulator must find: a checker that never found one is no proof. */
export interface Mutant {
  readonly name: string;
  readonly changes: readonly [Change, ...Change[]];
  /** Invariants of DESIGN section 6, one of which must be seen to break. */
  readonly breaks: readonly number[];
  /** A world that has found it; others are looked at where it does not any more. */
  readonly foundIn: number;
  /** It is looked for in worlds with a forge; where absent, in those without. */
  readonly forge?: true;
}

export interface Change {
  /** From the root of the repository. */
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [
  ...FORGE_MUTANTS,
  {
    name: "a claim that lost its answer believes that it lost the race",
    changes: [
      {
        file: "shared/usecases/claim-job.ts",
        find: "  if (first.applied || pool === undefined",
        replace:
          '  if (!first.applied && first.item?.state !== "queued") return undefined;\n  if (first.applied || pool === undefined',
      },
    ],
    breaks: [14],
    foundIn: 16,
  },
  {
    name: "a completion that lost its answer believes that it lost the race",
    changes: [
      {
        file: "shared/usecases/end-attempt.ts",
        find: "if (item === undefined || !isAcknowledged(item, claims, report)) {",
        replace: "if (item === undefined || !applied) {",
      },
    ],
    breaks: [6, 0],
    foundIn: 16,
  },
  {
    name: "a refused guess of the row is not made good",
    changes: [
      {
        file: "shared/usecases/apply-chosen.ts",
        find: "const CHOICES_MAX = 4;",
        replace: "const CHOICES_MAX = 1;",
      },
    ],
    breaks: [6, 14, 20],
    foundIn: 9,
  },
  {
    name: "a tick is passed on whatever its seq",
    changes: [
      {
        file: "shared/domain/run-moves.ts",
        find: 'from: ACTIVE,\n    to: "unchanged",\n    guards: [equals("tickSeq", arg("seq"))],',
        replace: 'from: ACTIVE,\n    to: "unchanged",\n    guards: [],',
      },
    ],
    breaks: [20],
    foundIn: 3,
  },
  {
    name: "a need's outcome is written more than once",
    changes: [
      {
        file: "shared/domain/job-moves.ts",
        find: 'guards: [absent("resolved.$source")],',
        replace: "guards: [],",
      },
    ],
    breaks: [16],
    foundIn: 1,
  },
  {
    name: "an offer is deleted before its claim is answered",
    changes: [
      {
        file: "runner/runner.ts",
        find: "    const answer = await claimJob(deps, open, offer);",
        replace: "    open.queue.remove(message);\n    const answer = await claimJob(deps, open, offer);",
      },
    ],
    breaks: [7],
    foundIn: 10,
  },
  {
    name: "a granted fence is not remembered",
    changes: [
      {
        file: "runner/runner.ts",
        find: "        known.remember(offer, answer.granted.fence);\n",
        replace: "",
      },
    ],
    breaks: [4],
    foundIn: 2,
  },
  {
    name: "a run closes while a node is open",
    changes: [
      {
        file: "shared/domain/run-moves.ts",
        find: 'guards: [absent("open"), equals("tally.failed", 0), equals("tally.lost", 0)],',
        replace: 'guards: [equals("tally.failed", 0), equals("tally.lost", 0)],',
      },
      {
        file: "shared/domain/verdict.ts",
        find: "  if (run.open !== undefined) return undefined;\n",
        replace: "",
      },
    ],
    breaks: [16],
    foundIn: 1,
  },
  {
    name: "a holder's word needs no fence and no claim",
    changes: [
      {
        file: "shared/domain/job-moves.ts",
        find: 'const holder: readonly Guard[] = [equals("fence", arg("fence")), equals("lease.claimId", arg("claimId"))];',
        replace: "const holder: readonly Guard[] = [];",
      },
    ],
    breaks: [2],
    foundIn: 28,
  },
  {
    name: "a claim is accepted at any fence",
    changes: [
      {
        file: "shared/domain/job-moves.ts",
        find: 'guards: [sameFence, equals("pool", arg("pool")),',
        replace: 'guards: [equals("pool", arg("pool")),',
      },
    ],
    breaks: [4],
    foundIn: 83,
  },
  {
    name: "steps do not wait for the acknowledgement",
    changes: [
      {
        file: "runner/attempt.ts",
        find: '  const answer = await persist(call, { untilMs: deadline.killAtMs, clock, signal: interruptions.uploads });\n  if (answer.kind === "ok") return { ack: answer.reply, sentAtMs };',
        replace:
          "  void persist(call, { untilMs: deadline.killAtMs, clock, signal: interruptions.uploads });\n  if (sentAtMs > 0) return { ack: { ttlMs: 45_000, watched: false }, sentAtMs };",
      },
    ],
    breaks: [10],
    foundIn: 1,
  },
  {
    name: "a renewal counts from its answer",
    changes: [
      {
        file: "runner/heartbeat-loop.ts",
        find: "beating.onAck(await beating.beat({ timeoutMs, signal }), sentAtMs);",
        replace:
          "beating.onAck(await beating.beat({ timeoutMs, signal }), beating.clock.monotonicMs() + 0 * sentAtMs);",
      },
      {
        file: "runner/attempt.ts",
        find: 'if (answer.kind === "ok") return { ack: answer.reply, sentAtMs };',
        replace:
          'if (answer.kind === "ok") return { ack: answer.reply, sentAtMs: clock.monotonicMs() + 0 * sentAtMs };',
      },
    ],
    breaks: [8],
    foundIn: 69,
  },
  {
    name: "the watchdog keeps no margin",
    changes: [
      {
        file: "runner/lease-deadline.ts",
        find: "return { killAtMs: expiresAtMs - marginMs, expiresAtMs };",
        replace: "return { killAtMs: expiresAtMs + 0 * marginMs, expiresAtMs };",
      },
    ],
    breaks: [8],
    foundIn: 34,
  },
  {
    name: "reconcile does not settle what a crash left",
    changes: [
      {
        file: "shared/usecases/due-actions.ts",
        find: "      .filter((job) => isUnsettled(job, items, open))\n",
        replace: "      .filter((job) => isUnsettled(job, items, open) && false)\n",
      },
    ],
    breaks: [20],
    foundIn: 28,
  },
  {
    name: "reconcile does not expire leases",
    changes: [
      {
        file: "shared/usecases/due-actions.ts",
        find: "if (job.lease !== undefined && job.lease.expiresAtMs < nowMs) return",
        replace: "if (job.lease !== undefined && job.lease.expiresAtMs < 0) return",
      },
    ],
    breaks: [20],
    foundIn: 4,
  },
  {
    name: "a lost offer is never sent again",
    changes: [
      {
        file: "shared/usecases/due-actions.ts",
        find: "return next <= nowMs ? [",
        replace: "return next < 0 ? [",
      },
    ],
    breaks: [20],
    foundIn: 1,
  },
  {
    name: "a lost lease is paid with the user's retries",
    changes: [
      {
        file: "shared/domain/job-moves.ts",
        find: 'guards: [sameFence, expired, lossesLeft],\n    effects: [...requeue, add("left.lost", -1)],',
        replace: 'guards: [sameFence, expired, lossesLeft],\n    effects: [...requeue, add("left.failed", -1)],',
      },
    ],
    breaks: [14],
    foundIn: 4,
  },
  {
    name: "an expired lease is reaped by a clock that is ahead",
    changes: [
      {
        file: "shared/usecases/end-attempt.ts",
        find: "export async function expireLease(deps: Deps, job: JobItem): Promise<JobItem | undefined> {\n  const nowMs = deps.clock.nowMs();",
        replace:
          "export async function expireLease(deps: Deps, job: JobItem): Promise<JobItem | undefined> {\n  const nowMs = deps.clock.nowMs() + 20_000;",
      },
      {
        file: "shared/usecases/reconcile-run.ts",
        find: "  const nowMs = deps.clock.nowMs();\n  observeLag(deps, { ...items, run }, tick, nowMs);\n",
        replace: "  const nowMs = deps.clock.nowMs() + 20_000;\n  observeLag(deps, { ...items, run }, tick, nowMs);\n",
      },
    ],
    breaks: [8],
    foundIn: 34,
  },
  {
    name: "a request's key does not pin its run",
    changes: [
      {
        file: "shared/usecases/create-run.ts",
        find: "const head: BirthItem[] = request === undefined ? [run, ...outbox] : [run, request, ...outbox];",
        replace: "const head: BirthItem[] = [run];",
      },
    ],
    breaks: [15],
    foundIn: 7,
  },
  {
    name: "a stopping attempt is renewed past its stop deadline",
    changes: [
      {
        file: "shared/usecases/renew-lease.ts",
        find: "const newExpiryMs = Math.min(args.newExpiryMs, seen.stop.deadlineMs);",
        replace: "const newExpiryMs = args.newExpiryMs;",
      },
    ],
    breaks: [13],
    foundIn: 15,
  },
  {
    name: "a log's chunk is told at its end",
    changes: [
      {
        file: "runner/products/log-body.ts",
        find: "const offset = bytes - block.length;",
        replace: "const offset = bytes;",
      },
    ],
    breaks: [11],
    foundIn: 1,
  },
  {
    name: "a log is sealed before its chunks are stored",
    changes: [
      {
        file: "runner/products/log-body.ts",
        find: "      await uploader.finish(signal);\n",
        replace: "",
      },
    ],
    breaks: [11],
    foundIn: 11,
  },
  {
    name: "links to inputs are asked for once",
    changes: [
      {
        file: "runner/attempt.ts",
        find: "const answer = await persist(() => lease.inputs({ signal }), limits);",
        replace: 'const answer = { kind: "ok" as const, reply: await lease.inputs({ signal }), limits };',
      },
    ],
    breaks: [6, 14],
    foundIn: 166,
  },
  {
    name: "links to artifacts are asked for once",
    changes: [
      {
        file: "runner/keep-artifacts.ts",
        find: "const asked = await persist(ask, { untilMs: hardDeadlineAtMs - LAST_WORD_MS, clock: deps.clock, signal });",
        replace: 'const asked = { kind: "ok" as const, reply: await ask(), hardDeadlineAtMs };',
      },
    ],
    breaks: [12],
    foundIn: 723,
  },
  {
    name: "a failed job does not fail its run",
    changes: [
      {
        file: "shared/domain/verdict.ts",
        find: "if (run.tally.failed > 0) return runMoves.fail;",
        replace: "if (run.tally.failed > 1) return runMoves.fail;",
      },
    ],
    breaks: [6, 20],
    foundIn: 4,
  },
];
