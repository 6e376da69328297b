import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { z } from "zod";
import type { FunctionDeps } from "./deps.ts";
import { correlated } from "./observe.ts";

/**
 * The Lambda of one queue. Each message succeeds or fails alone: what failed is reported, becomes visible again and, in
 * the end, goes to the dead letters.
 */
export function queueLambda<S extends z.ZodType>(
  deps: FunctionDeps,
  schema: S,
  call: (message: z.output<S>) => Promise<void>,
) {
  return middy<SQSEvent, SQSBatchResponse, Error, Context>()
    .use({ after: () => deps.observer.flush() })
    .handler(async (event) => {
      const failed = await Promise.all(event.Records.map((record) => tryRecord(deps, schema, call, record)));
      return {
        batchItemFailures: failed.filter((id) => id !== undefined).map((itemIdentifier) => ({ itemIdentifier })),
      };
    });
}

async function tryRecord<S extends z.ZodType>(
  deps: FunctionDeps,
  schema: S,
  call: (message: z.output<S>) => Promise<void>,
  record: SQSRecord,
): Promise<string | undefined> {
  return correlated({ requestId: record.messageId }, async () => {
    try {
      await call(schema.parse(JSON.parse(record.body)));
      return undefined;
    } catch (error) {
      deps.observer.log.error("message failed", error);
      return record.messageId;
    }
  });
}
