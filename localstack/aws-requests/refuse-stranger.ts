import { isForeignHost } from "../../shared/lib/foreign-host.ts";
import { type AwsRequest, headerOf, type Refusal } from "./refusal.ts";

/**
 * A page of some web site must not reach the embedded server through the browser: neither by script or form (`Origin`),
 * nor by DNS rebinding (`Host`). A signature is asked for beside that.
 */
export function refuseStranger(request: AwsRequest): Refusal | undefined {
  const reads = request.method === "GET" || request.method === "HEAD";
  if (!reads && headerOf(request, "origin") !== undefined)
    return { status: 403, code: "AccessForbidden", message: "CORSResponse: This CORS request is not allowed." };
  const host = headerOf(request, "host");
  if (host === undefined || isForeignHost(host))
    return { status: 403, code: "AccessDenied", message: "The embedded server does not go by this name." };
  return undefined;
}
