import { z } from "zod";
import type { FailureCode } from "../domain/errors.ts";
import type { Scope } from "./tokens.ts";

/** Who may call: an API token with that scope, a runner session, the lease token of the path's attempt, or anybody. */
export type Access = Scope | "session" | "lease" | "open";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** OpenAPI style: `/v1/runs/{run}`. */
  readonly path: string;
  /** The file in `functions/` that serves it. */
  readonly handler: "api" | "lease" | "status" | "webhook";
  readonly access: Access;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly headers?: z.ZodObject;
  readonly status: 200 | 201 | 202;
  readonly reply: z.ZodType;
  /** What a body may have at most; `BODY_BYTES_MAX` where absent. */
  readonly bodyBytesMax?: number;
  /** A reply that is not JSON. */
  readonly contentType?: string;
  /** Failures worth telling a caller apart; 400, 401, 403, 413, 500 and 503 are everywhere. */
  readonly failures: readonly FailureCode[];
}

/** No parameters. */
export const none = z.object({});

/** Nothing to say but that it is done. */
export const ok = z.object({ ok: z.literal(true) });

/** A route whose literals and schemas keep their own types. */
export const route = <const R extends Route>(value: R): R => value;
