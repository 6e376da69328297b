import { expect, test } from "vitest";
import { refuseSignature } from "../../../localstack/aws-requests/signature.ts";

/** The example of AWS's own documentation (Amazon S3 API reference, "Authenticating Requests: Using Query Parameters"). */
const EXAMPLE = {
  method: "GET",
  url:
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  headers: { host: "examplebucket.s3.amazonaws.com" },
};
const CREDENTIALS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const SIGNED_AT_MS = Date.UTC(2013, 4, 24);

test("AWS's own example of a presigned link is accepted", () => {
  expect(refuseSignature(EXAMPLE, CREDENTIALS, SIGNED_AT_MS)).toBeUndefined();
});

test("the same link is refused a millisecond after its day, and a quarter of an hour before it was signed", () => {
  const day = 86_400_000;
  expect(refuseSignature(EXAMPLE, CREDENTIALS, SIGNED_AT_MS + day)).toBeUndefined();
  expect(refuseSignature(EXAMPLE, CREDENTIALS, SIGNED_AT_MS + day + 1)?.message).toBe("Request has expired");
  expect(refuseSignature(EXAMPLE, CREDENTIALS, SIGNED_AT_MS - 900_001)?.message).toBe("Request is not valid yet");
});

/** AWS's example of a signed GET of a range ("Signature Calculations for the Authorization Header"). */
const HEADER_EXAMPLE = {
  method: "GET",
  url: "/test.txt",
  headers: {
    host: "examplebucket.s3.amazonaws.com",
    range: "bytes=0-9",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-amz-date": "20130524T000000Z",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
};

test("AWS's own example of a signed request is accepted, and any change of it refused", () => {
  expect(refuseSignature(HEADER_EXAMPLE, CREDENTIALS, SIGNED_AT_MS)).toBeUndefined();
  const changes = [
    { ...HEADER_EXAMPLE, method: "DELETE" },
    { ...HEADER_EXAMPLE, url: "/test.txt?acl" },
    { ...HEADER_EXAMPLE, headers: { ...HEADER_EXAMPLE.headers, range: "bytes=0-10" } },
  ];
  for (const change of changes)
    expect(refuseSignature(change, CREDENTIALS, SIGNED_AT_MS)?.code).toBe("SignatureDoesNotMatch");
});

test("a request with no signature, or half of one, is anonymous", () => {
  const bare = { method: "GET", url: "/test.txt", headers: { host: "h" } };
  const half = { ...bare, url: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%zz" };
  for (const request of [bare, half])
    expect(refuseSignature(request, CREDENTIALS, SIGNED_AT_MS)).toMatchObject({ status: 403, code: "AccessDenied" });
});
