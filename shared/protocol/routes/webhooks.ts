import { z } from "zod";
import { WEBHOOK_BODY_BYTES_MAX } from "../../domain/limits.ts";
import { route } from "../route.ts";
import * as webhooks from "../webhooks.ts";

/** What a forge tells. Open: a delivery is proved by its signature, not by a token. */
export const webhooksRoutes = {
  githubWebhook: route({
    method: "POST",
    path: "/v1/webhooks/github/{project}",
    handler: "webhook",
    access: "open",
    summary: "GitHub tells what happened, signed with the project's webhook secret",
    params: z.object({ project: z.string() }),
    status: 202,
    reply: webhooks.deliveryReply,
    bodyBytesMax: WEBHOOK_BODY_BYTES_MAX,
    failures: ["unauthorized", "too_large"],
  }),
};
