import { expect, test } from "vitest";
import { REMEMBERED_MAX, rememberFor } from "../../../functions/http/remember-for.ts";

function rememberedReads() {
  const reads: string[] = [];
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const look = rememberFor(clock, async (name) => reads.push(name));
  return { reads, look };
}

test("where too many are remembered, only the one that was asked for longest ago is forgotten", async () => {
  const { reads, look } = rememberedReads();
  for (let nth = 0; nth < REMEMBERED_MAX; nth += 1) await look(`project-${nth}`, 1_000);
  await look("project-0", 1_000);
  await look("one-more", 1_000);
  reads.splice(0);
  await look("project-0", 1_000);
  await look("project-2", 1_000);
  expect(reads).toEqual([]);
  await look("project-1", 1_000);
  expect(reads).toEqual(["project-1"]);
});
