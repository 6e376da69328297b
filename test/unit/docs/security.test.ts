import { expect, test } from "vitest";
import { unproven } from "../../../docs/print-security.ts";
import { readProofs } from "../../../docs/read-proofs.ts";
import { SECURITY_REQUIREMENTS } from "../../../docs/security-requirements.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

test("there are 35 requirements, each once and in order", () => {
  expect(SECURITY_REQUIREMENTS.map(({ number }) => number)).toEqual(Array.from({ length: 35 }, (_, at) => at + 1));
});

test("every requirement that is promised is held by a test", () => {
  expect(unproven()).toEqual([]);
});

test("no test names a requirement that there is not", () => {
  const known = new Set(SECURITY_REQUIREMENTS.map(({ number }) => number));
  expect(readProofs(ROOT).filter(({ number }) => !known.has(number))).toEqual([]);
});
