import { createHmac } from "node:crypto";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { Registry } from "prom-client";
import type { FunctionDeps } from "../../functions/deps.ts";
import { httpLambda } from "../../functions/http/http-lambda.ts";
import { webhookRoutes } from "../../functions/http/webhook-routes.ts";
import { type ProjectBody, projectBody } from "../../shared/protocol/projects.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { type DeliveryRef, deliveryKey, projectItemKey, projectKey } from "../../shared/store/keys.ts";
import type { DeliveryItem } from "../../shared/store/trigger-items.ts";
import { decideDelivery } from "../../shared/usecases/decide-delivery.ts";
import { webhookSecretPath } from "../../shared/usecases/secret-paths.ts";
import type { TriggerDeps } from "../../shared/usecases/trigger-deps.ts";
import { type FakeRepository, makeFakeRepository } from "./fake-forge.ts";
import type { World } from "./world.ts";

/** A project with its repository and webhook, on the real table. */
export interface Shop {
  readonly project: ProjectItem;
  readonly repository: FakeRepository;
  readonly secret: string;
}

let made = 0;

/** Every test has a project of its own: the table is shared. */
export async function addShop(world: World, change: Partial<ProjectBody> = {}): Promise<Shop> {
  made += 1;
  const name = `shop-${made}`;
  const body = projectBody.parse({ name, forge: { kind: "github", repository: `acme/${name}` }, ...change });
  const nowMs = world.clock.nowMs;
  const facts = { hasCloneToken: false, createdAtMs: nowMs, updatedAtMs: nowMs };
  const base = { ...projectItemKey("main", name), v: 1, tenant: "main", family: "project" } as const;
  const project: ProjectItem = { ...base, ...body, ...facts };
  await world.deps.projects.addProject(project);
  const secret = `secret of ${name}`;
  await world.deps.secrets.put(webhookSecretPath(name, "0"), secret);
  const repository = makeFakeRepository();
  world.repositories.set(project.forge.repository, repository);
  return { project, repository, secret };
}

/** A project whose one pipeline runs on every push. */
export async function addPushShop(world: World): Promise<Shop> {
  const shop = await addShop(world);
  shop.repository.files.set(".baton/ci.yml", PUSH_PIPELINE);
  return shop;
}
export const PUSH_PIPELINE = "on: push\njobs: {build: {run: make}}\n";

/** A commit's id that is the same for the same word. */
export const shaOf = (word: string): string => createHmac("sha1", "commit").update(word).digest("hex");

export const pushOf = (
  world: World,
  word: string,
  change: Partial<Extract<Trigger, { event: "push" }>> = {},
): Extract<Trigger, { event: "push" }> => ({
  event: "push",
  sha: shaOf(word),
  branch: "main",
  occurredAtMs: world.clock.nowMs,
  actor: "somebody",
  ...change,
});

export const pullOf = (
  world: World,
  word: string,
  change: Partial<Extract<Trigger, { event: "pull_request" }>> = {},
): Extract<Trigger, { event: "pull_request" }> => ({
  event: "pull_request",
  action: "opened",
  number: 1,
  sha: shaOf(word),
  branch: "feature",
  base: { branch: "main", sha: shaOf("base") },
  fork: false,
  occurredAtMs: world.clock.nowMs,
  actor: "somebody",
  ...change,
});

export const forkPullOf: typeof pullOf = (world, word, change = {}) => pullOf(world, word, { fork: true, ...change });

/** All runs of the project, oldest first. */
export async function runsOf(world: World, { project }: Pick<Shop, "project">): Promise<RunItem[]> {
  const { runs } = await world.deps.store.runsOfProject(projectKey("main", project.name), 100, undefined);
  const found = await Promise.all(runs.map(({ runId }) => world.deps.store.getRun({ tenant: "main", runId })));
  return found.filter((run) => run !== undefined).reverse();
}

/** The body of a push, as GitHub sends it. */
export function pushPayload({ project }: Shop, word: string, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    ref: "refs/heads/main",
    before: shaOf("before"),
    after: shaOf(word),
    created: false,
    deleted: false,
    forced: false,
    head_commit: { id: shaOf(word), message: "a change" },
    commits: [{ added: [], removed: [], modified: ["src/a.ts"] }],
    repository: { full_name: project.forge.repository, pushed_at: "2026-01-01T00:00:00Z" },
    sender: { login: "somebody" },
    ...change,
  });
}

export interface Post {
  readonly project: string;
  readonly body: string | Buffer;
  readonly secret?: string | undefined;
  /** Instead of the right one. */
  readonly signature?: string | undefined;
  readonly id?: string;
  readonly event?: string;
  readonly contentType?: string;
}

/** A push's delivery, signed as it should be. */
export const postOf = (shop: Shop, word: string, change: Partial<Post> = {}): Post => ({
  project: shop.project.name,
  secret: shop.secret,
  body: pushPayload(shop, word),
  ...change,
});

export const deliveryRefOf = ({ project }: Shop, deliveryId: string): DeliveryRef => ({
  tenant: "main",
  forge: "github",
  project: project.name,
  deliveryId,
});

export const deliveryOf = ({ deps }: World, shop: Shop, id: string): Promise<DeliveryItem | undefined> =>
  deps.triggers.getDelivery(deliveryKey(deliveryRefOf(shop, id)));

export interface Posted {
  readonly status: number;
  readonly text: string;
}

let delivered = 0;
export const newDeliveryId = (): string => `00000000-0000-4000-8000-${String(delivered++).padStart(12, "0")}`;

export const signatureOf = (body: string | Buffer, secret: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

/** The webhook function of one process, as API Gateway calls it. */
export function webhookFunction(
  deps: TriggerDeps,
  logged: unknown[] = [],
  isSigned?: Parameters<typeof webhookRoutes>[1],
): (post: Post) => Promise<Posted> {
  const log = { ...deps.log, error: (message: string, error: unknown) => void logged.push(message, error) };
  const observer = {
    log,
    metrics: deps.metrics,
    flush: () => undefined,
    prometheus: async () => "",
    registry: new Registry(),
  };
  const handler = httpLambda<"webhook">(
    { ...deps, observer } as unknown as FunctionDeps,
    webhookRoutes(deps, isSigned),
  );
  return async (post) => {
    const answer: APIGatewayProxyStructuredResultV2 = await handler(eventOf(post), {} as Context);
    return { status: answer.statusCode ?? 0, text: answer.body ?? "" };
  };
}

function eventOf({ project, body, secret, signature, id, event = "push", contentType }: Post): APIGatewayProxyEventV2 {
  const bytes = Buffer.from(body);
  const signed = signature ?? (secret === undefined ? undefined : signatureOf(bytes, secret));
  return {
    version: "2.0",
    routeKey: "POST /v1/webhooks/github/{project}",
    rawPath: `/v1/webhooks/github/${project}`,
    rawQueryString: "",
    headers: {
      "content-type": contentType ?? "application/json",
      "x-github-delivery": id ?? newDeliveryId(),
      "x-github-event": event,
      ...(signed === undefined ? {} : { "x-hub-signature-256": signed }),
    },
    pathParameters: { project: encodeURIComponent(project) },
    body: bytes.toString("base64"),
    isBase64Encoded: true,
    requestContext: { requestId: "request-1" },
  } as unknown as APIGatewayProxyEventV2;
}

/** Delivers every hint that was sent, as the plan queue would. */
export async function decideAll(world: World, deps: TriggerDeps = world.deps): Promise<void> {
  for (const ref of world.sent.deliveries.splice(0)) await decideDelivery(deps, ref);
}
