/** What S3 or SQS would answer instead of doing as asked. */
export interface Refusal {
  readonly status: number;
  /** The service's own error code. */
  readonly code: string;
  readonly message: string;
}

/** A request to the bucket or the queues, as far as refusing it needs. Header names are in lower case. */
export interface AwsRequest {
  readonly method: string;
  /** Path and query exactly as sent: what was signed. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** One header's value; undefined where it was not sent. */
export function headerOf(request: AwsRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : value?.join(",");
}

/** The query as decoded pairs. S3 does not read `+` as a space. */
export function queryOf(request: AwsRequest): readonly (readonly [string, string])[] {
  const start = request.url.indexOf("?");
  if (start < 0) return [];
  return request.url
    .slice(start + 1)
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0
        ? ([decoded(pair), ""] as const)
        : ([decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))] as const);
    });
}

/** A malformed escape stays as it is: no rule knows it, and no signature covers it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
