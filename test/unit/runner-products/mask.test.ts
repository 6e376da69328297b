import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECRETS_BYTES_MAX } from "../../../runner/products/limits.ts";
import { makeMasker } from "../../../runner/products/mask.ts";
import { formsOf } from "../../../runner/products/mask-forms.ts";
import { DomainError } from "../../../shared/domain/errors.ts";

const SECRET = `p@ss'w"rd/<&>+${"\u00e9"} $x\\`;

function mask(secrets: readonly string[], ...chunks: (string | Buffer)[]): string {
  const masker = makeMasker(secrets);
  const parts = chunks.map((chunk) => Buffer.from(masker.write(Buffer.from(chunk))));
  return Buffer.concat([...parts, masker.end()]).toString("latin1");
}

/** Slow and obvious: hides every byte of every occurrence of every form, then joins runs. */
function maskSlowly(secrets: readonly string[], text: Buffer): string {
  const hidden = new Uint8Array(text.length);
  for (const form of secrets.flatMap(formsOf))
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) hidden.fill(1, at, at + form.length);
  let result = "";
  for (const [at, byte] of text.entries())
    if (hidden[at] === 0) result += String.fromCharCode(byte);
    else if (at === 0 || hidden[at - 1] === 0) result += "***";
  return result;
}

function split(text: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.subarray(at[index], end));
}

describe("masking (SECURITY 28)", () => {
  test.each([
    ["raw", SECRET],
    ["JSON", JSON.stringify(SECRET).slice(1, -1)],
    ["JSON in JSON", JSON.stringify(JSON.stringify(SECRET)).slice(3, -3)],
    ["URL", encodeURIComponent(SECRET)],
    ["form data", new URLSearchParams({ a: SECRET }).toString().slice(2)],
    [
      "XML",
      SECRET.replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&apos;"),
    ],
    ["single quotes of a shell", SECRET.replaceAll("'", "'\\''")],
    ["base64", Buffer.from(SECRET).toString("base64")],
    ["base64 of echo", Buffer.from(`${SECRET}\n`).toString("base64")],
    ["URL-safe base64", Buffer.from(SECRET).toString("base64url")],
  ])("hides a secret written as %s", (_, form) => {
    expect(mask([SECRET], `before ${form} after`)).toBe("before *** after");
  });

  test("hides base64 of a secret in the middle of other bytes, at all three shifts", () => {
    const secret = "hunter2-hunter2";
    for (const before of ["", "a", "ab", "abc"])
      for (const after of ["", "x", "xy", "xyz"]) {
        const shown = mask([secret], Buffer.from(before + secret + after).toString("base64"));
        expect(shown).toContain("***");
        // At most the characters on the two borders, which other bytes share, are left.
        expect(shown.replace("***", "").length).toBeLessThanOrEqual(12);
      }
  });

  test("hides the lines of a secret of several lines, and base64 of it in columns", () => {
    const key = Array.from({ length: 6 }, (_, row) => `line-${row}-${"x".repeat(30)}`).join("\n");
    expect(mask([`${key}\n`], `${key}\n`)).toBe("***\n");
    expect(mask([key], `  ${key.split("\n")[3]} `)).toBe("  *** ");
    const columns = Buffer.from(key).toString("base64").replace(/.{76}/g, "$&\n");
    expect(mask([key], columns).replaceAll("\n", "")).toMatch(/^(\*\*\*)+$/);
  });

  test("hides overlapping secrets as one, the longest wherever they begin", () => {
    expect(mask(["abcdef", "defghi"], "1abcdefghi2")).toBe("1***2");
    expect(mask(["abcd", "abcdefgh"], "1abcdefgh2 abcdefg2")).toBe("1***2 ***efg2");
    expect(mask(["aaaa"], "baaaaaaab")).toBe("b***b");
    // One ends inside of what could have become another.
    expect(mask(["abcd", "xabcdyz"], "xabcd!")).toBe("x***!");
    expect(mask(["abcd", "xabcdyz"], "xabcdy", "z!")).toBe("***!");
  });

  test("splits between writes change nothing, whatever the bytes are", () => {
    const alphabet = fc.constantFrom("a", "b", "ab", "+", "/", "\n", " ", "%", "YWFi", "\u00e9");
    const secret = fc.array(alphabet, { minLength: 4, maxLength: 12 }).map((parts) => parts.join(""));
    const noise = fc.oneof(
      alphabet.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        fc.array(noise, { maxLength: 40 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (secrets, picks, noises, cuts) => {
          const forms = secrets.flatMap(formsOf);
          const text = Buffer.concat(
            noises.flatMap((piece) => {
              const form = forms[(picks.next().value ?? 0) % Math.max(1, forms.length * 2)];
              return form === undefined ? [piece] : [piece, form];
            }),
          );
          const usable = secrets.filter((value) => Buffer.byteLength(value.trim()) >= 4);
          const expected = maskSlowly(usable, text);
          expect(mask(secrets, ...split(text, cuts))).toBe(expected);
          expect(mask(secrets, ...split(text, Array.from(text.keys())))).toBe(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("warns about a short value without naming it, and does not mask it", () => {
    const masker = makeMasker(["long enough", "abc", ""]);
    expect(masker.warnings).toEqual(["secret 2 of 3 has fewer than 4 bytes: it is not masked in the log"]);
    expect(mask(["abc"], "abc")).toBe("abc");
  });

  test("holds back only what may still become a secret", () => {
    const masker = makeMasker(["hunter2hunter2"]);
    expect(masker.write(Buffer.from("a line\nhunt")).toString()).toBe("a line\n");
    expect(masker.write(Buffer.from("ing\n")).toString()).toBe("hunting\n");
  });

  test("refuses more secrets than it can mask", () => {
    expect(() => makeMasker(["x".repeat(SECRETS_BYTES_MAX + 1)])).toThrow(DomainError);
  });
});
