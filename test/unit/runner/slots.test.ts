import { expect, test } from "vitest";
import { makeSlots } from "../../../runner/slots.ts";

const never = new AbortController().signal;

test("slots are given in the order of asking, and no more than there are", async () => {
  const slots = makeSlots(1);
  const order: string[] = [];
  expect(await slots.acquire(never)).toBe(true);
  const first = slots.acquire(never).then(() => order.push("first"));
  const second = slots.acquire(never).then(() => order.push("second"));
  expect(slots.free()).toBe(0);
  slots.release();
  await first;
  slots.release();
  await second;
  expect(order).toEqual(["first", "second"]);
});

test("nobody takes a second slot while somebody waits for a first", async () => {
  const slots = makeSlots(2);
  await slots.acquire(never);
  expect(slots.tryAcquire()).toBe(true);
  expect(slots.tryAcquire()).toBe(false);
  const waiting = slots.acquire(never);
  slots.release();
  expect(slots.tryAcquire()).toBe(false);
  expect(await waiting).toBe(true);
});

test("who gives up waiting takes no slot", async () => {
  const slots = makeSlots(1);
  await slots.acquire(never);
  const giveUp = new AbortController();
  const waiting = slots.acquire(giveUp.signal);
  giveUp.abort();
  expect(await waiting).toBe(false);
  slots.release();
  expect(slots.free()).toBe(1);
  expect(await slots.acquire(giveUp.signal)).toBe(false);
  expect(slots.free()).toBe(1);
});
