import { systemCode } from "../shared/lib/system-code.ts";

/** What an operator can do about what SQS says, by the name that the SDK gives it. */
const REMEDIES: Readonly<Record<string, string>> = {
  AccessDenied: "the deployment's role for runners does not allow it",
  AccessDeniedException: "the deployment's role for runners does not allow it",
  QueueDoesNotExist: "the deployment has none for this pool any more, or the endpoint is another's",
  ExpiredToken: "the next session brings new credentials; if not, look at this host's clock",
  ExpiredTokenException: "the next session brings new credentials; if not, look at this host's clock",
  InvalidClientTokenId: "the next session brings new credentials",
  SignatureDoesNotMatch: "look at this host's clock, and at proxies that change requests",
};
const NETWORK =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPROTO|EPIPE|CERT_\w+|\w+_CERT\w*)$/;
const NETWORK_REMEDY = "look at this host's network, or take offers with --poll api";

/**
 * What went wrong with a queue, and what to do, in one line. The SDK tells an answer without words as `UnknownError`, and one
 * that is not SQS's, as of a proxy, as bad JSON.
 */
export function queueTrouble(queueUrl: string, error: unknown): string {
  return `${queueUrl}: ${causeOf(error)}`;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [first] = error instanceof AggregateError ? error.errors : [];
  if (first instanceof Error) return causeOf(first);
  const status = statusOf(error);
  if (error.name === "SyntaxError" && status !== undefined)
    return `answered ${status}, but not as SQS does; a proxy, or another server`;
  const message = error.message.split("\n")[0] ?? "";
  if (status === undefined) {
    const isNetwork = error.name === "TimeoutError" || NETWORK.test(systemCode(error) ?? "");
    return isNetwork ? `no answer (${message}); ${NETWORK_REMEDY}` : `${error.name}: ${message}`;
  }
  const name = error.name === "Unknown" ? "" : ` ${error.name}`;
  const words = message === "" || message === "UnknownError" ? " and does not say why" : `: ${message}`;
  const remedy = REMEDIES[error.name];
  return `SQS answered ${status}${name}${words}${remedy === undefined ? "" : `; ${remedy}`}`;
}

/** The SDK's own note beside the answer: https://github.com/smithy-lang/smithy-typescript (ServiceException). */
function statusOf(error: Error): number | undefined {
  const metadata = "$metadata" in error ? error.$metadata : undefined;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  return typeof status === "number" ? status : undefined;
}
