/** Every mistake of a caller, with its HTTP status and whether trying again can help. */
export const FAILURES = {
  bad_request: { status: 400, retry: false },
  invalid_definition: { status: 422, retry: false },
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  not_found: { status: 404, retry: false },
  taken: { status: 409, retry: false },
  stale_lease: { status: 409, retry: false },
  conflict: { status: 409, retry: false },
  idempotency_mismatch: { status: 409, retry: false },
  method_not_allowed: { status: 405, retry: false },
  gone: { status: 410, retry: false },
  too_large: { status: 413, retry: false },
  not_ready: { status: 503, retry: true },
  throttled: { status: 503, retry: true },
  disk_full: { status: 507, retry: true },
  internal: { status: 500, retry: true },
} as const satisfies Record<string, { status: number; retry: boolean }>;

export type FailureCode = keyof typeof FAILURES;

/** A mistake of the caller, told to the caller. `details` is data for a program: problems, reasons, limits. */
export class DomainError extends Error {
  override readonly name = "DomainError";
  readonly code: FailureCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FailureCode, message: string, details?: Readonly<Record<string, unknown>>, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Why a lease call is refused; any of them orders the runner to kill the attempt's process group now. */
export type StaleReason = "lease_expired" | "lease_revoked" | "unknown_lease";

export function staleLease(reason: StaleReason, message: string): DomainError {
  return new DomainError("stale_lease", message, { reason });
}
