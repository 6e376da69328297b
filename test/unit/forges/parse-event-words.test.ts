import { describe, expect, test } from "vitest";
import { parseEvent } from "../../../functions/forges/github/parse-event.ts";
import { withinBytes } from "../../../functions/forges/github/shown-text.ts";
import { TRIGGER_PATH_LENGTH_MAX, TRIGGER_PATHS_LENGTH_MAX } from "../../../shared/domain/limits.ts";

/** What is said of events that start nothing, and how much of what a forge tells is kept. */

const NOW_MS = 1_000;
const SHA = "a".repeat(40);
const repository = { full_name: "acme/shop", id: 7 };
const push = (change: Record<string, unknown> = {}) => ({
  ref: "refs/heads/main",
  after: SHA,
  head_commit: { id: SHA, message: "a change" },
  commits: [{ added: ["a"], removed: ["c"], modified: ["b"] }],
  repository,
  sender: { login: "somebody" },
  ...change,
});
const triggerOf = (payload: unknown) => {
  const parsed = parseEvent("push", payload, NOW_MS);
  if (parsed.kind !== "trigger") throw new Error(JSON.stringify(parsed));
  return parsed;
};

describe("an event that starts nothing", () => {
  test.each([
    ["ping", {}, "ping: the webhook works"],
    ["create", {}, "create: the push that comes with it tells it"],
    ["delete", {}, "delete: the push that comes with it tells it"],
    ["star", {}, "events of this kind start nothing: star"],
    ["push", push({ ref: "refs/notes/x" }), "a push to neither a branch nor a tag"],
    ["push", push({ deleted: true }), "a branch was deleted"],
    ["push", push({ after: "0".repeat(40) }), "a branch was deleted"],
    ["push", push({ deleted: true, ref: "refs/tags/v1" }), "a tag was deleted"],
    ["push", push({ ref: "refs/tags/v1", head_commit: null }), "a tag of no commit"],
    ["repository", { action: "archived", repository }, "repository archived: it starts nothing"],
    ["repository", { action: "x".repeat(99), repository }, `repository ${"x".repeat(64)}: it starts nothing`],
  ])("%s %#: says why", (event, payload, reason) => {
    expect(parseEvent(event, payload, NOW_MS)).toEqual({ kind: "ignored", reason });
  });

  test.each(["renamed", "transferred"])("but a repository that was %s has moved", (action) => {
    const moved = parseEvent("repository", { action, repository }, NOW_MS);
    expect(moved).toEqual({ kind: "moved", repository: { name: "acme/shop", id: "7" } });
  });

  test("and cannot be read says which of it, thrice at most and within bounds", () => {
    const found = parseEvent("repository", { action: 1, repository: { full_name: 2, id: {} } }, NOW_MS);
    expect(found.kind).toBe("unreadable");
    const reason = "reason" in found ? found.reason : "";
    expect(reason).toMatch(/^action: .+; repository\.full_name: .+/);
    expect(reason.split("; ").length).toBeLessThanOrEqual(3);
    const many = parseEvent(
      "pull_request",
      { action: 1, number: "x", pull_request: 1, repository: 1, sender: 1 },
      NOW_MS,
    );
    expect("reason" in many ? many.reason.split("; ").length : 0).toBe(3);
  });
});

describe("a push", () => {
  test("names its repository, its actor and its files, each once", () => {
    const twice = [
      { added: ["a"], removed: ["c"], modified: ["b"] },
      { added: ["b"], removed: [], modified: ["a"] },
    ];
    const { repository: about, trigger } = triggerOf(push({ commits: twice }));
    expect(about).toEqual({ name: "acme/shop", id: "7" });
    expect(trigger).toMatchObject({ actor: "somebody", occurredAtMs: NOW_MS, paths: ["a", "c", "b"] });
    expect("actor" in triggerOf(push({ sender: null })).trigger).toBe(false);
    expect(triggerOf(push({ sender: { login: "y".repeat(300) } })).trigger.actor).toBe("y".repeat(255));
  });

  test.each([
    ["no commits", { commits: [] }],
    ["commits that are not told", { commits: null }],
    [
      "as many commits as are told at most",
      { commits: Array.from({ length: 2_048 }, () => ({ added: ["a"], removed: [], modified: [] })) },
    ],
    ["a new branch", { created: true }],
    ["a forced one", { forced: true }],
    ["a commit without its files", { commits: [{ added: ["a"], removed: [] }] }],
    [
      "a path that is too long",
      { commits: [{ added: ["a".repeat(TRIGGER_PATH_LENGTH_MAX + 1)], removed: [], modified: [] }] },
    ],
    [
      "paths that are too long together",
      {
        commits: [
          {
            added: Array.from({ length: 400 }, (_, at) => String(at).padEnd(TRIGGER_PATHS_LENGTH_MAX / 400 + 1, "x")),
            removed: [],
            modified: [],
          },
        ],
      },
    ],
  ])("of %s names no files", (_what, change) => {
    expect("paths" in triggerOf(push(change)).trigger).toBe(false);
  });

  test("of paths at their bound names them", () => {
    const path = "a".repeat(TRIGGER_PATH_LENGTH_MAX);
    expect(triggerOf(push({ commits: [{ added: [path], removed: [], modified: [] }] })).trigger).toMatchObject({
      paths: [path],
    });
    const many = Array.from({ length: 400 }, (_, at) => String(at).padEnd(TRIGGER_PATHS_LENGTH_MAX / 400, "x"));
    expect(triggerOf(push({ commits: [{ added: many, removed: [], modified: [] }] })).trigger).toMatchObject({
      paths: many,
    });
  });
});

describe("a text that a forge bounds", () => {
  const note = "\n\n… and more";
  test("is whole up to its bound, and cut between lines beyond it", () => {
    expect(withinBytes("x".repeat(40), 40)).toBe("x".repeat(40));
    expect(withinBytes(`first\n${"x".repeat(60)}`, 40)).toBe(`first${note}`);
    expect(withinBytes(`\n${"x".repeat(60)}`, 40)).toBe(`\n${"x".repeat(40 - Buffer.byteLength(note) - 1)}${note}`);
    expect(withinBytes("x".repeat(41), 40)).toBe(`${"x".repeat(40 - Buffer.byteLength(note))}${note}`);
  });

  test("is never cut within a character", () => {
    for (let max = 30; max < 36; max += 1) {
      const cut = withinBytes("é".repeat(40), max);
      expect(cut).toMatch(/^é+\n\n… and more$/);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
    }
  });
});
