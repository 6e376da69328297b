import { expect, test } from "vitest";
import { inTurn } from "../../../shared/lib/in-turn.ts";

test("calls follow each other, also after one that failed, and each caller hears of its own", async () => {
  let running = 0;
  const begun: number[] = [];
  const call = inTurn(async (number: number) => {
    running += 1;
    expect(running).toBe(1);
    begun.push(number);
    await new Promise(setImmediate);
    running -= 1;
    if (number === 2) throw new Error("the second fails");
    return number * 10;
  });
  const answers = await Promise.allSettled([1, 2, 3].map((number) => call(number)));
  expect(begun).toEqual([1, 2, 3]);
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "failed"))).toEqual([
    10,
    "failed",
    30,
  ]);
});
