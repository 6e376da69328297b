import { DomainError } from "../../shared/domain/errors.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import type { AuditActor } from "../../shared/protocol/audit.ts";
import { projectKey } from "../../shared/store/keys.ts";
import { approveRun } from "../../shared/usecases/approve-run.ts";
import { readAudit, recordAudit } from "../../shared/usecases/audit.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import { issueToken } from "../../shared/usecases/issue-token.ts";
import {
  addProject,
  changeProject,
  listProjects,
  readProject,
  removeProject,
  rotateProjectWebhook,
  toProjectView,
} from "../../shared/usecases/manage-projects.ts";
import { listSecrets, removeSecret, setSecret } from "../../shared/usecases/manage-secrets.ts";
import { listTokens, type Principal, revokeToken } from "../../shared/usecases/manage-tokens.ts";
import { readDelivery } from "../../shared/usecases/read-delivery.ts";
import { readLog } from "../../shared/usecases/read-log.ts";
import { readArtifactLink, readArtifacts, readJob, readJobs, readRun } from "../../shared/usecases/read-runs.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { toRunSummary } from "../../shared/usecases/views.ts";
import type { FunctionDeps } from "../deps.ts";
import type { Implementations } from "./http-lambda.ts";

/** What people and programs call: runs, jobs, logs, artifacts, tokens, health. */
export function apiRoutes(deps: FunctionDeps): Implementations<"api"> {
  const { tenant } = deps.settings;
  return {
    health: async () => ({ ok: true }),
    ready: async () => {
      const parts = { table: deps.store.ping(), queues: deps.queues.ping(), bucket: deps.bucket.ping() };
      await Promise.all(
        Object.entries(parts).map(([name, reached]) => reached.catch((cause) => notReady(name, cause))),
      );
      return { ok: true, reached: Object.keys(parts) };
    },
    metrics: () => deps.observer.prometheus(),

    createRun: async ({ body, headers, caller }) => {
      const { definition, source, project } = body;
      if (definition === undefined && source !== undefined) await deps.checkSource(source, { tenant, project });
      const { run, replayed } = await createRun(deps, body, requester(caller, headers["idempotency-key"]));
      return { run: toRunSummary(run), replayed };
    },
    listRuns: async ({ query }) => {
      const { runs, cursor } = await deps.store.runsOfProject(
        projectKey(tenant, query.project),
        query.limit,
        query.cursor,
      );
      return { runs: runs.map(toRunSummary), cursor };
    },
    getRun: async ({ params }) => readRun(deps, params.run),
    listJobs: async ({ params, query }) => readJobs(deps, params.run, query.from),
    getJob: async ({ params }) => ({ job: await readJob(deps, params.run, params.job) }),
    getLog: async ({ params, query }) => readLog(deps, { tenant, runId: params.run, jobId: params.job }, query),
    listArtifacts: async ({ params }) => ({ artifacts: await readArtifacts(deps, params.run) }),
    getArtifact: async ({ params, query }) => readArtifactLink(deps, params.run, query),
    cancelRun: async ({ params, body, caller }) => {
      const reason = body.reason === undefined ? {} : { reason: body.reason };
      await recordAudit(deps, { action: "run.cancel", actor: auditActor(caller), subject: params.run });
      await cancelRun(deps, { tenant, runId: params.run }, { actor: actorOf(caller), ...reason });
      return readRun(deps, params.run);
    },
    approveRun: async ({ params, body, caller }) => {
      const details = { sha: body.sha };
      await recordAudit(deps, { action: "run.approve", actor: auditActor(caller), subject: params.run, details });
      await approveRun(deps, { tenant, runId: params.run }, body.sha, actorOf(caller));
      return readRun(deps, params.run);
    },
    rerunRun: async ({ params, body, headers, caller }) => {
      const rerun = { tenant, runId: params.run, ...body };
      const { run, replayed } = await rerunRun(deps, rerun, requester(caller, headers["idempotency-key"]));
      return { run: toRunSummary(run), replayed };
    },

    addProject: async ({ body, caller }) => addProject(deps, body, auditActor(caller)),
    listProjects: async () => ({ projects: await listProjects(deps) }),
    getProject: async ({ params }) => ({ project: toProjectView(await readProject(deps, params.project)) }),
    changeProject: async ({ params, body, caller }) => ({
      project: await changeProject(deps, params.project, body, auditActor(caller)),
    }),
    showDelivery: async ({ params }) => ({ delivery: await readDelivery(deps, params.project, params.delivery) }),
    removeProject: async ({ params, caller }) => {
      await removeProject(deps, params.project, auditActor(caller));
      return { ok: true };
    },
    rotateWebhook: async ({ params, body, caller }) =>
      rotateProjectWebhook(deps, params.project, body.action, auditActor(caller)),
    setSecret: async ({ params, body, caller }) => {
      await setSecret(deps, params.project, { name: params.name, ...body }, auditActor(caller));
      return { ok: true };
    },
    listSecrets: async ({ params }) => ({ secrets: await listSecrets(deps, params.project) }),
    removeSecret: async ({ params, query, caller }) => {
      await removeSecret(deps, params.project, { name: params.name, ...query }, auditActor(caller));
      return { ok: true };
    },
    readAudit: async ({ query }) => readAudit(deps, query),

    createToken: async ({ body, caller }) => issueToken(deps, body, auditActor(caller)),
    listTokens: async () => ({ tokens: await listTokens(deps) }),
    revokeToken: async ({ params, caller }) => {
      await recordAudit(deps, { action: "token.revoke", actor: auditActor(caller), subject: params.token });
      await revokeToken(deps, params.token);
      return { ok: true };
    },
  };
}

const auditActor = ({ tokenId, name }: Principal): AuditActor => ({ kind: "token", id: tokenId, name });
const actorOf = (caller: Principal) => `token:${caller.name}`;

function requester(caller: Principal, idempotencyKey: string | undefined) {
  return { principal: `token:${caller.tokenId}`, name: actorOf(caller), idempotencyKey };
}

function notReady(part: string, cause: unknown): never {
  throw new DomainError("not_ready", `the ${part} does not answer: ${messageOf(cause)}`, undefined, { cause });
}
