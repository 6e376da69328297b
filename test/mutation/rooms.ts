/** One part of the program that trust rests on, with the tests that hold it. */
export interface Room {
  readonly name: string;
  /** Globs of the program's files that faults are planted in; `!` leaves files out. */
  readonly mutate: readonly string[];
  /** Globs of the tests that must catch them, quick ones first. */
  readonly tests: readonly string[];
  /** In the titles of tests that wait or repeat too much to be run against each fault: they catch nothing here. */
  readonly without?: readonly string[];
  /** Whether they run on the simulator's table, which is far quicker. */
  readonly simulatedTable?: true;
  /** Whether part of it runs in processes of its own, where no coverage is seen: then each fault meets all tests. */
  readonly spawns?: true;
}

/** At least this share of the planted faults must be caught, in each room (case T1). */
export const SCORE_MIN = 85;

const usecases = (...names: readonly string[]) => names.map((name) => `shared/usecases/${name}.ts`);

export const ROOMS: readonly Room[] = [
  {
    name: "domain",
    mutate: ["shared/domain/*.ts"],
    tests: ["test/unit/domain/*.test.ts"],
  },
  {
    name: "table",
    mutate: [
      "shared/store/{births,compile-move,dynamo-calls,dynamo-retry,dynamo-store,family-schemas,keys,migrate,query-due}.ts",
      "shared/store/dynamo-{audit,project,report,runner,sweep,trigger}-store.ts",
    ],
    tests: [
      "test/unit/domain/{compile-move,migrate}.test.ts",
      "test/contract/table.test.ts",
      "test/unit/usecases/read-status.test.ts",
      "test/race/{consistent-reads,one-job,rerun,triggers,last-administrator}.test.ts",
      "test/fault/projects.test.ts",
      "test/race/differential.test.ts",
    ],
  },
  {
    name: "leases",
    mutate: usecases(
      "{apply-chosen,cancel-run,claim-job,due-actions,end-attempt,hints,lease-token,reconcile-run}",
      "{renew-lease,retries-at-birth,settle,spend-session,stop-jobs}",
    ),
    simulatedTable: true,
    tests: [
      "test/unit/usecases/{lease-rest,retries-at-birth,due-actions,manage-secrets}.test.ts",
      "test/race/{one-job,rerun,ephemeral,lease-answers,endings}.test.ts",
      "test/unit/functions/lease-tokens.test.ts",
      "test/race/{claims,reconcile,fan-in}.test.ts",
    ],
    without: ["50 contenders reach for one job"],
  },
  {
    name: "triggers",
    mutate: [
      ...usecases(
        "{approve-run,closings,compare-heads,compare-project,compare-tags,confirm-absence,create-triggered-run}",
        "{decide-delivery,doubt-head,follow-repository,place-order,receive-delivery,regain-place,repository-identity}",
        "{rerun-run,retire-heads,retire-schedule,seen-tags,start-each,start-newest,start-triggered,supersede}",
        "{sweep-deliveries,sweep-parts,sweep-projects,sweep-runs,sweep-schedules,sync-schedules,trigger-key}",
      ),
      "functions/{read-definition,pipelines/reading-thread}.ts",
    ],
    simulatedTable: true,
    tests: [
      "test/unit/usecases/sweep-*.test.ts",
      "test/unit/functions/{read-definition,reading-thread,read-run-definition}.test.ts",
      "test/fault/{absence,renamed-repository,mended-deliveries}.test.ts",
      "test/race/{triggers,rerun,postponed-deliveries,webhooks,forks,sweep,supersede}.test.ts",
      "test/fault/push-back.test.ts",
    ],
    without: [
      "due times in UTC, without a summer time",
      "two thousand branches are seen at first",
      "thirty thousand of them are seen at first",
      "any history of pushes",
    ],
  },
  {
    name: "access",
    mutate: [
      "functions/{host-check,http/authorize}.ts",
      "functions/{lent-queues,runner-sqs,signing-keys}.ts",
      "shared/lib/signed-token.ts",
      ...usecases(
        "{bootstrap,bound-secret,check-host,choose-secrets,issue-token,keep-secret,lease-token,manage-secrets,manage-tokens}",
        "{open-session,queue-credentials,read-job-secrets,secret-paths,source-credential,spend-proof,spend-session,webhook-secrets}",
      ),
    ],
    simulatedTable: true,
    tests: [
      "test/unit/store/signed-token.test.ts",
      "test/unit/usecases/{choose-secrets,job-secrets,open-session,queue-credentials,source-credential}.test.ts",
      "test/unit/usecases/manage-secrets.test.ts",
      "test/unit/functions/{signing-keys,runner-queues,api-tokens,lease-tokens,http}.test.ts",
      "test/contract/{host-proof,read-token,queue-credentials,secret-stores,admin}.test.ts",
      "test/race/{ephemeral,host-proof,last-administrator,webhook-signatures}.test.ts",
    ],
  },
  {
    name: "attempt",
    mutate: [
      "runner/{attempt,attempt-io,attempt-state,claim,claim-backoff,heartbeat-loop,interruptions,known-fences}.ts",
      "runner/{last-word,lease-calls,lease-deadline,mend-folders,parse-secrets,run-steps,step-environment,stop-grace}.ts",
      "runner/sandbox/plan-sandbox.ts",
    ],
    tests: ["test/unit/runner/*.test.ts", "test/sim/sim.test.ts", "test/contract/{attempt-log,runner-steps}.test.ts"],
    without: [
      ...["a world is", "in the worlds of the seeds", "worlds that nobody has seen", "a failing world"],
      "500 MB of output",
      "chunks and gaps tile the log, whatever is written and whatever fails",
      "a missing shell, folder or secret is the tooling's failure",
      "gets no answer about its secrets",
    ],
  },
  {
    name: "watchdog",
    mutate: ["runner/watchdog/*.ts"],
    tests: ["test/unit/runner/parse-command.test.ts", "test/contract/{leftovers,process-executor}.test.ts"],
    spawns: true,
  },
  {
    name: "forges",
    mutate: ["functions/forges/**/*.ts", ...usecases("{former-statuses,report-statuses,status-name}")],
    tests: [
      "test/unit/forges/*.test.ts",
      "test/unit/lib/public-address.test.ts",
      "test/unit/usecases/{report-statuses,status-name}.test.ts",
      "test/contract/{github-*,sweep-forge}.test.ts",
    ],
  },
];
