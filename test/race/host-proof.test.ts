import { afterAll, beforeAll, expect, test } from "vitest";
import { type HostWorld, startHostWorld } from "../support/host-world.ts";
import { tallied } from "../support/scenario.ts";

let hosts: HostWorld;
beforeAll(async () => {
  hosts = await startHostWorld();
});
afterAll(() => hosts.stop());

test("case A6, SECURITY 23: of ten that come with one host's proof at once, one gets a session (20 rounds)", async () => {
  for (let round = 0; round < 20; round += 1) {
    hosts.world.clock.nowMs += 1_000;
    const proof = hosts.proof();
    const answers = await Promise.all(Array.from({ length: 10 }, () => hosts.open(proof)));
    expect(tallied(answers.map(({ status }) => String(status)))).toEqual({ "201": 1, "401": 9 });
  }
});
