import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isSignedBy } from "../../../functions/forges/github/verify-signature.ts";

const BODY = Buffer.from('{"ref":"refs/heads/main"}');
const sign = (secret: string, body = BODY) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

test("GitHub's own example holds", () => {
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  expect(isSignedBy(["It's a Secret to Everybody"], Buffer.from("Hello, World!"), signature)).toBe(true);
});

test("SECURITY 17: either of two secrets holds while one takes the other's place, and no third", () => {
  expect(isSignedBy(["new", "old"], BODY, sign("new"))).toBe(true);
  expect(isSignedBy(["new", "old"], BODY, sign("old"))).toBe(true);
  expect(isSignedBy(["new"], BODY, sign("old"))).toBe(false);
  expect(isSignedBy(["new", "old", "older"], BODY, sign("older"))).toBe(false);
});

test("SECURITY 17: one changed byte of the body refuses it", () => {
  const signature = sign("s");
  for (let at = 0; at < BODY.length; at += 1) {
    const tampered = Buffer.from(BODY);
    tampered[at] = (tampered[at] ?? 0) ^ 1;
    expect(isSignedBy(["s"], tampered, signature)).toBe(false);
  }
});

describe("SECURITY 17: a signature of another form is refused", () => {
  const good = sign("s");
  test.each([
    ["none", undefined],
    ["empty", ""],
    ["without its digits", "sha256="],
    ["too short", good.slice(0, -1)],
    ["too long", `${good}0`],
    ["half", good.slice(0, 39)],
    ["of another algorithm", `sha1=${createHmac("sha1", "s").update(BODY).digest("hex")}`],
    ["in capitals", good.toUpperCase()],
    ["of no digits", `sha256=${"z".repeat(64)}`],
    ["of zeros", `sha256=${"0".repeat(64)}`],
    ["twice", `${good},${good}`],
    ["with a line before", `x\n${good}`],
    ["with a line after", `${good}\n`],
  ])("%s", (_what, header) => expect(isSignedBy(["s"], BODY, header)).toBe(false));
});

test("SECURITY 17: where there is no secret, or an empty one, nothing holds", () => {
  for (const secret of ["", "no secret"]) {
    expect(isSignedBy([], BODY, sign(secret))).toBe(false);
    expect(isSignedBy([""], BODY, sign(secret))).toBe(false);
  }
});
