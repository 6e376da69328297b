/**
 * What goes wrong at a real forge, as switches of a recording one: in a test `forge.set({lagging: {what: sha}})`, from another
 * process the same as JSON, `POST /_forge/faults`. `heal()` or `DELETE /_forge/faults` puts all of them back.
 */
export interface FaultChange {
  /** Calls that name `what` (a commit, a path) reach a replica that does not have it yet: so many times (1 if absent), or for so long. */
  readonly lagging?: { readonly what: string; readonly times?: number; readonly forMs?: number };
  /** Calls that match are refused, so many times (1 if absent), in GitHub's own words. */
  readonly refuse?: {
    readonly why: keyof typeof REFUSALS;
    readonly method?: string;
    /** A regular expression of the path. */
    readonly path?: string;
    readonly times?: number;
  };
  /** The repository has another name from now on. Its old one redirects to its address by id, by 301 or 307, until it is used anew. */
  readonly renamed?: { readonly from: string; readonly to: string };
  /** Every call is refused for so long; `says` is what of it the answer tells. */
  readonly secondaryLimit?: { readonly forMs: number; readonly says?: "retry-after" | "nothing" };
  readonly rateLimit?: { readonly forMs: number };
  /** Added to the forge's clock: by it `Date` headers are written, and an App's JWT is judged. */
  readonly clockOffsetMs?: number;
  /** Answers have no `Date` header. */
  readonly dateless?: boolean;
  /** Added to the `Date` header alone: a proxy's clock. */
  readonly dateOffsetMs?: number;
}

export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const DOCS = "https://docs.github.com/rest";
const say = (status: number, message: string, more: object = {}): Refusal => ({
  status,
  body: { message, ...more, documentation_url: DOCS, status: String(status) },
});
const custom = (resource: string, message: string) =>
  say(422, "Validation Failed", { errors: [{ resource, code: "custom", message }] });

/** How GitHub words what it refuses. */
export const REFUSALS = {
  badCredentials: say(401, "Bad credentials"),
  notAccessible: say(403, "Resource not accessible by integration"),
  suspended: say(403, "This installation has been suspended"),
  permissionsNotGranted: say(422, "The permissions requested are not granted to this installation."),
  repositoryNotInstalled: say(
    422,
    "There is at least one repository that does not exist or is not accessible to the parent installation.",
  ),
  notFound: say(404, "Not Found"),
  archived: say(403, "Repository was archived so is read-only."),
  gone: say(410, "Issues are disabled for this repo"),
  blocked: say(451, "Repository access blocked", { block: { reason: "dmca" } }),
  validation: say(422, "Validation Failed", { errors: [{ resource: "Status", code: "invalid", field: "target_url" }] }),
  tooManyStatuses: custom("Status", "This SHA and context has reached the maximum number of statuses."),
  unavailable: { status: 503, headers: { "content-type": "text/html" }, body: "<html><title>Unicorn!</title></html>" },
  denied: { status: 403, headers: { "content-type": "text/html" }, body: "<html>Access denied by policy</html>" },
  missingPage: { status: 404, headers: { "content-type": "text/html" }, body: "<html>no such site</html>" },
  badRequest: { status: 400, headers: { "content-type": "text/html" }, body: "<html>400 Bad Request</html>" },
  notAllowed: { status: 405, headers: { "content-type": "text/plain" }, body: "Method Not Allowed" },
  tooLarge: { status: 413, headers: { "content-type": "text/html" }, body: "<html>Request Entity Too Large</html>" },
  tooLong: { status: 414, headers: { "content-type": "text/html" }, body: "" },
  locked: say(423, "Repository is locked for maintenance"),
  signIn: { status: 302, headers: { location: "https://sign-in.example/?back=1" }, body: "" },
  proxySignIn: { status: 407, headers: { "proxy-authenticate": "Basic" }, body: "" },
  empty: { status: 200, headers: { "content-type": "application/json" }, body: "" },
  page: { status: 200, headers: { "content-type": "text/html" }, body: "<html>a proxy's page</html>" },
  truncated: { status: 200, headers: { "content-type": "application/json" }, body: '{"id": 1, "nam' },
} as const satisfies Record<string, Refusal>;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: object;
}

export interface Faults {
  set(change: FaultChange): void;
  heal(): void;
  /** The forge's own time. */
  nowMs(): number;
  /** Undefined where the call is answered as usual. */
  refusalOf(asked: Asked): Refusal | undefined;
  readonly isDateless: () => boolean;
  /** What a `Date` header says. */
  dateMs(): number;
}

interface Lag {
  readonly what: string;
  times: number;
  readonly untilMs: number;
}

/** `clock` is of the machine; renaming is the server's own. */
export function makeFaults(clock: () => number): Faults {
  const lags: Lag[] = [];
  const refusals: { how: NonNullable<FaultChange["refuse"]>; left: number }[] = [];
  let clockOffsetMs = 0;
  let isDateless = false;
  let dateOffsetMs = 0;
  let limit: { readonly untilMs: number; readonly refusal: (leftMs: number) => Refusal } | undefined;
  const nowMs = () => clock() + clockOffsetMs;

  return {
    nowMs,
    isDateless: () => isDateless,
    dateMs: () => nowMs() + dateOffsetMs,
    set(change) {
      const { lagging, refuse, secondaryLimit, rateLimit } = change;
      clockOffsetMs = change.clockOffsetMs ?? clockOffsetMs;
      isDateless = change.dateless ?? isDateless;
      dateOffsetMs = change.dateOffsetMs ?? dateOffsetMs;
      if (lagging !== undefined) {
        const { what, forMs, times = forMs === undefined ? 1 : Number.POSITIVE_INFINITY } = lagging;
        lags.push({ what, times, untilMs: clock() + (forMs ?? Number.POSITIVE_INFINITY) });
      }
      if (refuse !== undefined) refusals.push({ how: refuse, left: refuse.times ?? 1 });
      if (secondaryLimit !== undefined)
        limit = { untilMs: nowMs() + secondaryLimit.forMs, refusal: secondaryRefusal(secondaryLimit.says) };
      if (rateLimit !== undefined) {
        const untilMs = nowMs() + rateLimit.forMs;
        limit = { untilMs, refusal: () => rateRefusal(untilMs) };
      }
    },
    heal() {
      lags.splice(0);
      refusals.splice(0);
      limit = undefined;
      clockOffsetMs = 0;
      isDateless = false;
      dateOffsetMs = 0;
    },
    refusalOf(asked) {
      if (limit !== undefined && nowMs() < limit.untilMs) return limit.refusal(limit.untilMs - nowMs());
      const refused = refusals.find(({ how, left }) => left > 0 && isMeant(how, asked));
      if (refused !== undefined) {
        refused.left -= 1;
        return REFUSALS[refused.how.why];
      }
      const text = `${asked.path}${decodeURIComponent(asked.query)}${JSON.stringify(asked.body)}`;
      const lag = lags.find(({ what, times, untilMs }) => times > 0 && clock() < untilMs && text.includes(what));
      if (lag === undefined) return undefined;
      lag.times -= 1;
      return laggingRefusal(asked, lag.what);
    },
  };
}

const isMeant = ({ method, path }: NonNullable<FaultChange["refuse"]>, asked: Asked) =>
  (method ?? asked.method) === asked.method && (path === undefined || new RegExp(path).test(asked.path));

/** Reports to a commit that is not there are invalid; everything else of it is not found. */
function laggingRefusal({ method, path }: Asked, what: string): Refusal {
  const isReport = method === "POST" && /\/(?:check-runs|statuses\/\w+)$/.test(path);
  return isReport ? say(422, `No commit found for SHA: ${what}`) : REFUSALS.notFound;
}

const secondaryRefusal =
  (says: "retry-after" | "nothing" = "retry-after") =>
  (leftMs: number): Refusal => ({
    ...say(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."),
    headers: says === "nothing" ? {} : { "retry-after": String(Math.ceil(leftMs / 1_000)) },
  });

const rateRefusal = (untilMs: number): Refusal => ({
  ...say(403, "API rate limit exceeded for installation ID 5."),
  headers: {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(Math.ceil(untilMs / 1_000)),
  },
});
