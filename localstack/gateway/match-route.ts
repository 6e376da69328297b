import type { Route } from "../../shared/protocol/route.ts";
import { routes } from "../../shared/protocol/routes.ts";

/** Finds the route of a request, as API Gateway does from the same table. */

export type Match =
  | { readonly kind: "found"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "unknown_path" }
  | { readonly kind: "wrong_method"; readonly allowed: readonly string[] };

interface Pattern {
  readonly route: Route;
  readonly segments: readonly string[];
}

const PATTERNS: readonly Pattern[] = Object.values(routes).map((route: Route) => ({
  route,
  segments: route.path.split("/"),
}));

/** `path` is as sent, without the query. A fixed segment wins over a parameter. */
export function matchRoute(method: string, path: string): Match {
  const segments = path.split("/");
  const fitting = PATTERNS.filter((pattern) => fits(pattern, segments)).sort((a, b) => wildness(a) - wildness(b));
  const nearest = fitting[0];
  if (nearest === undefined) return { kind: "unknown_path" };
  const found = fitting.find(({ route }) => route.method === method);
  if (found === undefined) return { kind: "wrong_method", allowed: fitting.map(({ route }) => route.method) };
  const params = paramsOf(found, segments);
  return params === undefined ? { kind: "unknown_path" } : { kind: "found", route: found.route, params };
}

const isParam = (segment: string): boolean => segment.startsWith("{");
const wildness = (pattern: Pattern): number => pattern.segments.filter(isParam).length;

function fits(pattern: Pattern, segments: readonly string[]): boolean {
  if (pattern.segments.length !== segments.length) return false;
  return pattern.segments.every((expected, i) => (isParam(expected) ? segments[i] !== "" : expected === segments[i]));
}

/** Decoded; undefined where a segment is not valid percent-encoding. */
function paramsOf(pattern: Pattern, segments: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  try {
    for (const [i, expected] of pattern.segments.entries())
      if (isParam(expected)) params[expected.slice(1, -1)] = decodeURIComponent(segments[i] ?? "");
    return params;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
