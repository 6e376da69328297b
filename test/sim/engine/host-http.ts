import type { ClientRequest, RequestOptions } from "node:http";

/** One HTTP exchange of a simulated process, whole: bodies here are small. */
export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Whatever answers. Rejects where no answer comes, or the signal makes the caller give up. */
export type Internet = (call: HttpCall, signal: AbortSignal) => Promise<HttpReply>;

type Listener = (value: unknown) => void;

/** As much of a `ClientRequest` as functions/forges/guarded-fetch.ts uses. */
export function requestOver(internet: Internet, url: URL, options: RequestOptions): ClientRequest {
  const listeners = new Map<string, Listener>();
  const { method = "GET", headers, signal = new AbortController().signal } = options;
  const request = {
    on(event: string, listener: Listener) {
      listeners.set(event, listener);
      return request;
    },
    end(body?: string) {
      internet({ method, url, headers: headers as Record<string, string>, body }, signal).then(
        (reply) => listeners.get("response")?.(messageOf(reply)),
        (error: unknown) => listeners.get("error")?.(error),
      );
      return request;
    },
  };
  return request as unknown as ClientRequest;
}

function messageOf({ status, headers, body }: HttpReply) {
  return {
    statusCode: status,
    headersDistinct: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    destroy: () => undefined,
    async *[Symbol.asyncIterator]() {
      yield Buffer.from(body);
    },
  };
}
