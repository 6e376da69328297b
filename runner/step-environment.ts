import type { Step } from "../shared/domain/plan.ts";
import type { LeaseGranted } from "../shared/protocol/leases.ts";
import type { SeenFolders } from "./executors/executor.ts";

/** What steps get of the runner's own environment; all else of it stays out. */
export interface HostEnvironment {
  readonly path: string;
  readonly lang: string;
  readonly user: string;
  /** Variables that the operator passes on by name (`--pass-env`). */
  readonly passed: Readonly<Record<string, string>>;
  /** BATON_ATTEMPT of the attempt that this runner itself is a step of, if it is. */
  readonly outerCookie: string | undefined;
}

export interface StepContext {
  readonly host: HostEnvironment;
  readonly granted: LeaseGranted;
  readonly folders: SeenFolders;
  readonly secrets: Readonly<Record<string, string>>;
  readonly cookie: string;
}

/**
 * The whole environment of a step. Later groups win: the host's, the operator's, the job's, the step's, secrets, and
 * last what Baton says, which nothing can forge. HOME is an empty folder of the attempt beside the workspace, so that
 * attempts neither see the runner's own settings nor leave any to each other.
 */
export function stepEnvironment(context: StepContext, step: Step): Record<string, string> {
  const { host, granted, folders, secrets, cookie } = context;
  return {
    PATH: host.path,
    LANG: host.lang,
    USER: host.user,
    LOGNAME: host.user,
    HOME: folders.home,
    TMPDIR: folders.temporary,
    CI: "true",
    ...host.passed,
    ...granted.spec.env,
    ...step.env,
    ...secrets,
    ...batonVariables(granted, folders.workspace),
    // An outer attempt's cookie stays, so that ending that attempt ends this one too.
    BATON_ATTEMPT: host.outerCookie === undefined ? cookie : `${host.outerCookie} ${cookie}`,
  };
}

function batonVariables(granted: LeaseGranted, workspace: string): Record<string, string> {
  const source = granted.source;
  return {
    BATON: "true",
    BATON_RUN_ID: granted.runId,
    BATON_JOB_ID: granted.jobId,
    BATON_JOB_NAME: granted.spec.name,
    BATON_FENCE: String(granted.fence),
    BATON_ATTEMPT_NUMBER: String(granted.attempt),
    BATON_PROJECT: granted.project,
    BATON_PIPELINE: granted.pipeline,
    BATON_WORKSPACE: workspace,
    ...(source === undefined ? {} : { BATON_SHA: source.sha }),
    ...(source?.branch === undefined ? {} : { BATON_BRANCH: source.branch }),
    ...eventVariables(granted.trigger),
  };
}

/** What strangers have named is a variable's value and nothing else: it is never part of a script (SECURITY 21). */
function eventVariables(trigger: LeaseGranted["trigger"]): Record<string, string> {
  if (trigger === undefined) return {};
  return {
    BATON_EVENT: trigger.event,
    ...(trigger.tag === undefined ? {} : { BATON_TAG: trigger.tag }),
    ...(trigger.number === undefined ? {} : { BATON_PR_NUMBER: String(trigger.number) }),
    ...(trigger.base === undefined ? {} : { BATON_BASE_BRANCH: trigger.base.branch }),
  };
}
