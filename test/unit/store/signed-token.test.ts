import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { equalInConstantTime, makeSigner } from "../../../shared/lib/signed-token.ts";

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];

test("a token carries its claims, and verifies under its own prefix alone", () => {
  const signer = makeSigner([newKey]);
  const token = signer.sign("bl", { fence: 1 });
  expect(signer.verify("bl", token)).toEqual({ fence: 1 });
  expect(signer.verify("bs", token)).toBeUndefined();
  expect(signer.verify("bs", token.replace("bl_", "bs_"))).toBeUndefined();
});

test("keys rotate: the first signs, all verify, and a key that is gone verifies nothing", () => {
  const before = makeSigner([oldKey]).sign("bl", { fence: 1 });
  const during = makeSigner([newKey, oldKey]);
  expect(during.verify("bl", before)).toEqual({ fence: 1 });
  expect(makeSigner([oldKey]).verify("bl", during.sign("bl", {}))).toBeUndefined();
  expect(makeSigner([newKey]).verify("bl", before)).toBeUndefined();
});

test("a short key, or none, is refused at the start", () => {
  expect(() => makeSigner([])).toThrow("no signing key");
  expect(() => makeSigner([randomBytes(31)])).toThrow("32 bytes");
});

test("no change of one character is accepted as another claim", () => {
  const signer = makeSigner([newKey]);
  const token = signer.sign("bl", { runId: "run_1", fence: 7 });
  const character = fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=");
  fc.assert(
    fc.property(fc.nat(token.length - 1), character, (at, instead) => {
      const changed = token.slice(0, at) + instead + token.slice(at + 1);
      const claims = signer.verify("bl", changed);
      // The last character of base64url carries spare bits: another spelling of the same MAC says the same.
      if (claims !== undefined) expect(claims).toEqual({ runId: "run_1", fence: 7 });
      if (at < token.indexOf(".") && instead !== token[at]) expect(claims).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});

test("arbitrary text is no token, and does not throw", () => {
  const signer = makeSigner([newKey]);
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(signer.verify("bl", text)).toBeUndefined();
      expect(signer.verify("bl", `bl_${text}`)).toBeUndefined();
    }),
  );
  expect(signer.verify("bl", `bl_${"a".repeat(10_000)}`)).toBeUndefined();
});

test("secrets are compared whole", () => {
  expect(equalInConstantTime(Buffer.from("abc"), Buffer.from("abc"))).toBe(true);
  for (const other of ["abd", "ab", "abcd", ""])
    expect(equalInConstantTime(Buffer.from("abc"), Buffer.from(other))).toBe(false);
});
