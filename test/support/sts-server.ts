import { refuseSignature } from "../../localstack/aws-requests/signature.ts";
import type { InstanceCredentials } from "../../runner/ec2/sign-proof.ts";
import { type HttpRecorder, startHttpRecorder } from "./http-recorder.ts";

/** Credentials that a server of this file knows, and whose they are. */
export interface KnownCaller extends InstanceCredentials {
  readonly arn: string;
}

/** An STS that knows some callers, checks signatures as AWS does, and answers in AWS's XML. */
export async function startSts(callers: readonly KnownCaller[], nowMs: () => number): Promise<HttpRecorder> {
  return startHttpRecorder(({ method, path, headers, body }) => {
    const query = new URLSearchParams(path.slice(path.indexOf("?") + 1));
    const keyId = query.get("X-Amz-Credential")?.split("/")[0];
    const caller = callers.find(({ accessKeyId }) => accessKeyId === keyId);
    if (caller === undefined || query.get("X-Amz-Security-Token") !== caller.sessionToken)
      return error("InvalidClientTokenId", "The security token included in the request is invalid.");
    const request = { method, url: path, headers, body: Buffer.from(body) };
    const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const refused = refuseSignature(request, caller, nowMs(), emptySha256);
    if (refused !== undefined) return error(refused.code, refused.message);
    if (query.get("Action") !== "GetCallerIdentity") return { status: 200, body: "<GetSessionTokenResponse/>" };
    return { status: 200, headers: { "content-type": "text/xml" }, body: identityOf(caller.arn) };
  });
}

const error = (code: string, message: string) => ({
  status: 403,
  body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

const identityOf = (arn: string) => `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>AROAEXAMPLE:${arn.split("/").at(-1)}</UserId>
    <Account>${arn.split(":")[4]}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>`;
