import type { Mutant } from "./mutants.ts";

/** Planted faults in the rules of triggers, sweep and reports: looked for in worlds with a forge. */
export const FORGE_MUTANTS: readonly Mutant[] = [
  {
    name: "a trigger is decided before its runs are made",
    changes: [
      {
        file: "shared/usecases/start-triggered.ts",
        find: "  const refusal = refusalOf(project, trigger);\n",
        replace:
          "  const refusal = refusalOf(project, trigger);\n  await deps.store.birth([decidedItem(deps, key, [])]);\n",
      },
    ],
    breaks: [15],
    foundIn: 4,
    forge: true,
  },
  {
    name: "a trigger's key does not pin its run",
    changes: [
      {
        file: "shared/usecases/create-triggered-run.ts",
        find: "digest(key), KEY_MS);",
        replace: "digest(key), KEY_MS) && undefined;",
      },
    ],
    breaks: [15],
    foundIn: 8,
    forge: true,
  },
  {
    name: "a forge that does not answer, or refuses the credentials, fails the delivery",
    changes: [
      {
        file: "shared/usecases/decide-delivery.ts",
        find: "  if (isOver) return failDelivery(deps, project, item, { ...CAUSE, reason });\n",
        replace: "  return failDelivery(deps, project, item, { ...CAUSE, reason });\n",
      },
    ],
    breaks: [15],
    foundIn: 15,
    forge: true,
  },
  {
    name: "a list counts as compared where the forge failed on the way",
    changes: [
      {
        file: "shared/usecases/compare-heads.ts",
        find: "  if (handled.ended !== undefined) throw handled.ended;\n",
        replace: "",
      },
    ],
    breaks: [15],
    foundIn: 10,
    forge: true,
  },
  {
    name: "sweep knows a head from its first sight, whatever it is by then",
    changes: [
      {
        file: "shared/usecases/compare-heads.ts",
        find: "[head.sha, commitOf(head.sha)].includes(before.sha)) return [];",
        replace: "head.sha !== before.pk) return [];",
      },
    ],
    breaks: [15],
    foundIn: 10,
    forge: true,
  },
  {
    name: "a sender that died keeps its place",
    changes: [
      {
        file: "shared/usecases/drive-outbox.ts",
        find: 'if (outbox.state === "sending" && nowMs <= (outbox.wakeAtMs ?? 0)) {',
        replace: 'if (outbox.state === "sending" && nowMs > 0) {',
      },
    ],
    breaks: [24, 20],
    foundIn: 42,
    forge: true,
  },
  {
    name: "a report that failed counts as sent",
    changes: [
      {
        file: "shared/usecases/drive-outbox.ts",
        find: "isLate ? OUT_OF_TIME : await sendOne(sending, parcel);",
        replace: "isLate ? OUT_OF_TIME : (await sendOne(sending, parcel), undefined);",
      },
    ],
    breaks: [24],
    foundIn: 4,
    forge: true,
  },
  {
    name: "a check run whose answer was lost is made again",
    changes: [
      {
        file: "functions/forges/github/put-check-run.ts",
        find: "const id = await findNewest(client, project, status);",
        replace: "const id: string | undefined = undefined;",
      },
    ],
    breaks: [24],
    foundIn: 3,
    forge: true,
  },
  {
    name: "a later success covers another run's failure",
    changes: [
      {
        file: "shared/domain/status-moves.ts",
        find: "return difference > 0 || (difference === 0 && entry.order > worst.order) ? entry : worst;",
        replace: "return entry.order > worst.order && difference < 99 ? entry : worst;",
      },
    ],
    breaks: [24],
    foundIn: 12,
    forge: true,
  },
  {
    name: "a status does not tell its file",
    changes: [
      {
        file: "shared/usecases/status-name.ts",
        find: 'const file = pipelinePath?.replace(FOLDER, "") ?? pipeline;',
        replace: 'const file = pipelinePath === undefined ? "" : pipeline;',
      },
    ],
    breaks: [24],
    foundIn: 2,
    forge: true,
  },
  {
    name: "a rerun does not take the place of what it repeats",
    changes: [
      {
        file: "shared/domain/status-moves.ts",
        find: '  if (entry.order < seen.order) return "replaceEntry";\n',
        replace: '  if (entry.order < seen.order && entry.runId === "") return "replaceEntry";\n',
      },
    ],
    breaks: [24],
    foundIn: 10,
    forge: true,
  },
  {
    name: "a superseded run's key stays taken",
    changes: [
      {
        file: "shared/usecases/last-run.ts",
        find: "if (run?.supersededBy === undefined)",
        replace: 'if (run?.supersededBy === undefined || firstKey !== "")',
      },
    ],
    breaks: [15, 0],
    foundIn: 15,
    forge: true,
  },
  {
    name: "a forge's first 404 is its last word",
    changes: [
      {
        file: "shared/usecases/confirm-absence.ts",
        find: "if (waitMs <= 0) return;",
        replace: "if (waitMs <= ABSENT_AGAIN_MS) return;",
      },
    ],
    breaks: [15],
    foundIn: 8,
    forge: true,
  },
  {
    name: "a pull request's other base is the same trigger",
    changes: [
      {
        file: "shared/usecases/trigger-key.ts",
        find: "return JSON.stringify([trigger.sha, trigger.base.branch, trigger.closedAtMs ?? 0]);",
        replace: "return JSON.stringify([trigger.sha, trigger.closedAtMs ?? 0]);",
      },
    ],
    breaks: [15],
    foundIn: 1,
    forge: true,
  },
];
