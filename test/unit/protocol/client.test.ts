import { expect, test } from "vitest";
import { printFailure } from "../../../cli/print-failure.ts";
import { type Exchange, makeClient, UnreachableError } from "../../../shared/protocol/client.ts";

const callOf = (exchange: Exchange) =>
  makeClient({ url: "http://ci", exchange })
    .call("listRuns", {})
    .catch((error: unknown) => error);

test.each([
  [200, '{"hello":"world"}', "http://ci answered 200, but not as Baton does (runs: "],
  [200, '"hello"', "http://ci answered 200, but not as Baton does (Invalid input"],
  [404, '{"message":"Not Found"}', "http://ci answered 404, but not as Baton does (code: "],
  [301, "<html>moved", "http://ci answered 301, but not as Baton does (it is no JSON)"],
])("an answer of %i that is not Baton's is no answer, told in a line with its status", async (status, text, told) => {
  const error = await callOf(async () => ({ status, text }));
  expect(error).toBeInstanceOf(UnreachableError);
  const lines: string[] = [];
  expect(printFailure(error, false, (line) => lines.push(line))).toBe(2);
  expect(lines).toEqual([expect.stringContaining(told)]);
  expect(lines[0]).toMatch(/; is that a control plane's URL, and of this version\?\n$/);
});

test("where nobody answers, to start one here may help", async () => {
  const error = await callOf(async () => {
    throw new Error("connect ECONNREFUSED");
  });
  const lines: string[] = [];
  printFailure(error, false, (line) => lines.push(line));
  expect(lines).toEqual([
    "baton: no answer from http://ci: connect ECONNREFUSED; is the control plane up? `baton up` starts one here\n",
  ]);
});

test.each([
  ["this call needs the scope admin; the token ro has read", "; `baton tokens create` makes a token that has it"],
  ["this control plane reads no definitions from example.com, but from github.com", ""],
])("another token is suggested only where a scope is missing: %s", async (message, hint) => {
  const text = JSON.stringify({ code: "forbidden", message, requestId: "r" });
  const lines: string[] = [];
  printFailure(await callOf(async () => ({ status: 403, text })), false, (line) => lines.push(line));
  expect(lines).toEqual([`baton: ${message}${hint} (forbidden, request r)\n`]);
});

test("a refused request names its fields as the command's options do, without the part of the request", async () => {
  const message = "body.name: too long; query.project: odd";
  const text = JSON.stringify({ code: "bad_request", message, requestId: "r" });
  const lines: string[] = [];
  printFailure(await callOf(async () => ({ status: 400, text })), false, (line) => lines.push(line));
  expect(lines).toEqual(["baton: name: too long; project: odd (bad_request, request r)\n"]);
});
