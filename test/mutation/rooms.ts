/** One part of the program that trust rests on, with the tests that hold it. */
export interface Room {
  readonly name: string;
  /** Globs of the program's files that faults are planted in; `!` leaves files out. */
  readonly mutate: readonly string[];
  /** Globs of the tests that must catch them. */
  readonly tests: readonly string[];
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
      "test/contract/table.test.ts",
      "test/race/consistent-reads.test.ts",
      "test/race/differential.test.ts",
      "test/unit/domain/{compile-move,migrate}.test.ts",
    ],
  },
  {
    name: "leases",
    mutate: usecases(
      "{apply-chosen,cancel-run,claim-job,due-actions,end-attempt,lease-token,reconcile-run}",
      "{renew-lease,settle,spend-session,stop-jobs}",
    ),
    tests: [
      "test/race/{claims,endings,ephemeral,fan-in,one-job,reconcile,rerun}.test.ts",
      "test/unit/usecases/lease-rest.test.ts",
      "test/unit/functions/lease-tokens.test.ts",
    ],
  },
  {
    name: "triggers",
    mutate: usecases(
      "{approve-run,closings,compare-heads,compare-project,compare-tags,create-triggered-run,decide-delivery}",
      "{receive-delivery,rerun-run,retire-heads,seen-tags,start-each,start-triggered,supersede}",
      "{sweep-deliveries,sweep-projects,sweep-runs,sweep-schedules,sync-schedules,trigger-key}",
    ),
    tests: [
      "test/race/{forks,postponed-deliveries,rerun,supersede,sweep,triggers,webhooks}.test.ts",
      "test/unit/usecases/sweep-*.test.ts",
    ],
  },
  {
    name: "access",
    mutate: [
      "functions/{host-check,http/authorize}.ts",
      "shared/lib/signed-token.ts",
      ...usecases(
        "{bound-secret,check-host,choose-secrets,issue-token,lease-token,manage-secrets,manage-tokens,open-session}",
        "{queue-credentials,read-job-secrets,secret-paths,source-credential,spend-proof,spend-session,webhook-secrets}",
      ),
    ],
    tests: [
      "test/contract/host-proof.test.ts",
      "test/race/{ephemeral,host-proof,webhook-signatures}.test.ts",
      "test/unit/functions/*.test.ts",
      "test/unit/store/signed-token.test.ts",
      "test/unit/usecases/*.test.ts",
    ],
  },
  {
    name: "attempt",
    mutate: [
      "runner/{attempt,attempt-state,claim,claim-backoff,heartbeat-loop,last-word,lease-calls,lease-deadline}.ts",
      "runner/{run-steps,step-environment,stop-grace}.ts",
    ],
    tests: ["test/unit/runner/*.test.ts", "test/contract/{attempt-log,runner-host,runner-steps}.test.ts"],
  },
  {
    name: "watchdog",
    mutate: ["runner/watchdog/*.ts"],
    tests: ["test/unit/runner/parse-command.test.ts", "test/contract/{leftovers,process-executor}.test.ts"],
    spawns: true,
  },
  {
    name: "forges",
    mutate: ["functions/forges/**/*.ts"],
    tests: [
      "test/unit/forges/*.test.ts",
      "test/unit/lib/public-address.test.ts",
      "test/contract/github-*.test.ts",
      "test/contract/sweep-forge.test.ts",
    ],
  },
];
