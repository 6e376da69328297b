import { expect, test } from "vitest";
import { CommandError } from "../../../cli/command-error.ts";
import { parseServerConfig } from "../../../cli/config/read-server-config.ts";

function mistakesOf(text: string): string[] {
  try {
    parseServerConfig(text, "server.yml");
    return [];
  } catch (error) {
    if (error instanceof CommandError) return [error.message, ...error.notes];
    throw error;
  }
}

test("a server file says where `baton up` serves, and with which pools", () => {
  const text = "port: 4900\nslots: 2\npools: [default, gpu]\nsecrets_file: secrets.env\n";
  expect(parseServerConfig(text, "server.yml")).toEqual({
    port: 4_900,
    slots: 2,
    pool: ["default", "gpu"],
    secretsFile: "secrets.env",
  });
  expect(parseServerConfig("", "server.yml")).toEqual({});
});

test("every mistake has its position, and unknown keys a suggestion", () => {
  expect(mistakesOf("slosts: 1\nport: 70000\npools:\n  - ok\n  - ../no\n")).toEqual([
    'server.yml:1:1: unknown key "slosts" (did you mean slots?)',
    expect.stringMatching(/^server\.yml:2:7: port: /),
    expect.stringMatching(/^server\.yml:5:5: pools\.1: /),
  ]);
});
