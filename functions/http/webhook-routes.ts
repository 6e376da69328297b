import { isDeepStrictEqual } from "node:util";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { DomainError } from "../../shared/domain/errors.ts";
import { REASON_LENGTH_MAX, WEBHOOK_BODY_BYTES_MAX, WEBHOOK_SECRET_CACHE_MS } from "../../shared/domain/limits.ts";
import { cut } from "../../shared/lib/cut.ts";
import { projectName } from "../../shared/protocol/ids.ts";
import { deliveryId as deliveryIdSchema } from "../../shared/protocol/webhooks.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { type Delivery, receiveDelivery } from "../../shared/usecases/receive-delivery.ts";
import { isNamed, otherReason } from "../../shared/usecases/repository-identity.ts";
import type { DeliveryDeps } from "../../shared/usecases/trigger-deps.ts";
import { readWebhookSecrets } from "../../shared/usecases/webhook-secrets.ts";
import { type ParsedEvent, parseEvent } from "../forges/github/parse-event.ts";
import { isSignedBy } from "../forges/github/verify-signature.ts";
import type { Implementations } from "./http-lambda.ts";
import { rememberFor } from "./remember-for.ts";

const EVENT_NAME = /^[a-z_]{1,64}$/;
/** A signature that does not hold looks for a rotated secret at most this often, so that guessing costs us little. */
const LOOK_AGAIN_MS = 1_000;
/** No project is called so. Strangers' made-up names have the store asked for it once a second, all of them together. */
const NOBODY = "-";

/**
 * A webhook: nothing of its body is read before its signature holds, an unknown project is refused as a wrong signature
 * is, after the same work (the table is asked for it, which bears any number of strangers, and not the secret store, which does not), and the answer comes when the delivery is kept: what follows from it is decided by the plan function (SECURITY 17).
 */
export function webhookRoutes(deps: DeliveryDeps, isSigned = isSignedBy): Implementations<"webhook"> {
  const secretsOf = rememberFor(deps.clock, (project) => readWebhookSecrets(deps.secrets, project));

  async function verify(project: string, body: Buffer, signature: string | undefined): Promise<ProjectItem> {
    const name = projectName.safeParse(project).data;
    const found = name === undefined ? undefined : await deps.projects.getProject(deps.settings.tenant, name);
    // An unknown project goes the same way, with the secrets of nobody: what it takes tells nothing.
    const owner = found?.name ?? NOBODY;
    const known = await secretsOf(owner, WEBHOOK_SECRET_CACHE_MS);
    const holds = isSigned(known, body, signature);
    if (holds && found !== undefined) return found;
    const fresh = await secretsOf(owner, LOOK_AGAIN_MS);
    if (isDeepStrictEqual(fresh, known) || !isSigned(fresh, body, signature) || found === undefined) refuse();
    return found;
  }

  function refuse(): never {
    deps.metrics.count("WebhookDeliveries", 1, { outcome: "refused" });
    throw new DomainError("unauthorized", "the signature does not hold");
  }

  return {
    githubWebhook: async ({ params, event }) => {
      const body = bytesOf(event);
      const project = await verify(params.project, body, event.headers["x-hub-signature-256"]);
      const delivery = deliveryOf(project, event.headers, readPayload(event, body), deps.clock.nowMs());
      const { state, duplicate } = await receiveDelivery(deps, delivery);
      deps.log.info("delivery received", { delivery: delivery.deliveryId, event: delivery.event, state, duplicate });
      return { delivery: delivery.deliveryId, state, duplicate };
    },
  };
}

/** The very bytes that were signed. Throws `too_large`. */
function bytesOf(event: APIGatewayProxyEventV2): Buffer {
  const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (bytes.length <= WEBHOOK_BODY_BYTES_MAX) return bytes;
  throw new DomainError("too_large", `a webhook's body is at most ${WEBHOOK_BODY_BYTES_MAX} bytes`);
}

/** JSON, plain or as the form field that GitHub sends where nobody has chosen a content type. */
function readPayload({ headers }: APIGatewayProxyEventV2, body: Buffer): unknown {
  const isForm = (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  const text = isForm ? (new URLSearchParams(body.toString()).get("payload") ?? "") : body.toString();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DomainError("bad_request", "the payload is not JSON", undefined, { cause });
  }
}

/** Throws `bad_request` where the headers or the payload are not GitHub's. */
function deliveryOf(
  project: ProjectItem,
  headers: APIGatewayProxyEventV2["headers"],
  payload: unknown,
  receivedAtMs: number,
): Delivery {
  const deliveryId = headers["x-github-delivery"] ?? "";
  const event = headers["x-github-event"] ?? "";
  if (!deliveryIdSchema.safeParse(deliveryId).success)
    throw new DomainError("bad_request", "X-GitHub-Delivery is not a delivery's id");
  if (!EVENT_NAME.test(event)) throw new DomainError("bad_request", "X-GitHub-Event is not an event's name");
  const parsed = parseEvent(event, payload, receivedAtMs);
  if (parsed.kind === "unreadable") throw new DomainError("bad_request", `not a payload of ${event}: ${parsed.reason}`);
  const { tenant, name } = project;
  return { tenant, forge: "github", project: name, deliveryId, event, said: saidOf(project, parsed) };
}

/**
 * A hook of a whole organisation tells of other repositories too. The id says which one it is, whatever its name: one that was renamed
 * is still the project's, and another one that has its old name is not.
 */
function saidOf(project: ProjectItem, parsed: Exclude<ParsedEvent, { kind: "unreadable" }>): Delivery["said"] {
  if (parsed.kind === "ignored") return { ignored: parsed.reason };
  const { repository } = parsed;
  const { repositoryId } = project;
  const isById = repositoryId !== undefined && repository.id !== undefined;
  // Before the project's id is known a renaming cannot be told from another repository: the forge is asked.
  const isPerhaps = repositoryId === undefined && repository.id !== undefined;
  const isOurs = isById ? repository.id === repositoryId : isPerhaps || isNamed(project, repository.name);
  if (isOurs) return parsed.kind === "moved" ? { repository } : { trigger: parsed.trigger, repository };
  return { ignored: cut(otherReason(project, repository), REASON_LENGTH_MAX) };
}
