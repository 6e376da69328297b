import webhooks from "@octokit/webhooks-examples";
import { describe, expect, test } from "vitest";
import { parseEvent } from "../../../functions/forges/github/parse-event.ts";
import { TRIGGER_PATH_LENGTH_MAX, TRIGGER_PATHS_MAX } from "../../../shared/domain/limits.ts";
import type { Trigger } from "../../../shared/protocol/triggers.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const SHA = "a".repeat(40);
const BEFORE = "b".repeat(40);

interface Example {
  readonly name: string;
  readonly examples: readonly Record<string, unknown>[];
}
const OURS = ["push", "pull_request", "create", "delete", "ping"];
const EXAMPLES = (webhooks as unknown as readonly Example[]).flatMap(({ name, examples }) =>
  OURS.includes(name) ? examples.map((payload, nth) => ({ name, nth, payload })) : [],
);

describe("GitHub's own examples", () => {
  test("there are some of every kind", () => {
    expect(new Set(EXAMPLES.map(({ name }) => name))).toEqual(new Set(OURS));
    expect(EXAMPLES.length).toBeGreaterThan(40);
  });

  test.each(EXAMPLES)("$name $nth is a trigger, or starts nothing for a reason that is named", ({ name, payload }) => {
    const parsed = parseEvent(name, payload, NOW_MS);
    if (parsed.kind === "trigger") expect(["push", "tag", "pull_request"]).toContain(parsed.trigger.event);
    else expect(parsed).toEqual({ kind: "ignored", reason: reasonOf(name, payload) });
  });

  test("a pull request is a trigger in four actions, and where its base is edited", () => {
    const actions = EXAMPLES.filter(({ name }) => name === "pull_request").map(({ name, payload }) => ({
      action: String(payload["action"]),
      kind: parseEvent(name, payload, NOW_MS).kind,
    }));
    const started = actions.filter(({ kind }) => kind === "trigger").map(({ action }) => action);
    const always = ["opened", "synchronize", "reopened", "closed"];
    expect(new Set(started)).toEqual(new Set([...always, ...started.filter((action) => action === "edited")]));
    expect(actions.filter(({ action, kind }) => kind === "ignored" && always.includes(action))).toEqual([]);
  });
});

function reasonOf(name: string, payload: Record<string, unknown>): unknown {
  if (name === "push") return expect.stringMatching(/^a (branch|tag) was deleted$/);
  if (name === "pull_request") return `pull_request ${payload["action"]}: the commit is as it was`;
  return expect.stringContaining(name);
}

const push = (change: Record<string, unknown> = {}) => ({
  ref: "refs/heads/feature/x",
  before: BEFORE,
  after: SHA,
  created: false,
  deleted: false,
  forced: false,
  head_commit: { id: SHA, message: "a change" },
  commits: [{ added: ["a"], removed: [], modified: ["b"] }],
  repository: { full_name: "acme/shop", pushed_at: 1_760_000_000 },
  sender: { login: "mallory" },
  ...change,
});

const triggerOf = (event: string, payload: unknown): Trigger => {
  const parsed = parseEvent(event, payload, NOW_MS);
  if (parsed.kind !== "trigger") throw new Error(JSON.stringify(parsed));
  return parsed.trigger;
};
const refusalOf = (event: string, payload: unknown) => parseEvent(event, payload, NOW_MS);

describe("a push", () => {
  test("tells branch, commits, files and the forge's own time", () => {
    expect(triggerOf("push", push())).toEqual({
      event: "push",
      branch: "feature/x",
      sha: SHA,
      before: BEFORE,
      paths: ["a", "b"],
      occurredAtMs: 1_760_000_000_000,
      actor: "mallory",
    });
  });

  test("takes a time as text too, and ours where there is none", () => {
    const at = (pushed_at: unknown) => triggerOf("push", push({ repository: { full_name: "a/b", pushed_at } }));
    expect(at("2026-01-02T03:04:05Z").occurredAtMs).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(at(undefined).occurredAtMs).toBe(NOW_MS);
  });

  test.each([
    ["is new", { created: true, before: "0".repeat(40) }],
    ["was rewritten", { forced: true }],
    ["names no commits", { commits: [] }],
    [
      "has more commits than are told",
      { commits: Array.from({ length: 2_048 }, () => ({ added: ["a"], removed: [], modified: [] })) },
    ],
    ["keeps files back", { commits: [{ added: ["a"] }] }],
    [
      "changes more files than a trigger carries",
      {
        commits: [
          { added: Array.from({ length: TRIGGER_PATHS_MAX + 1 }, (_, n) => `f${n}`), removed: [], modified: [] },
        ],
      },
    ],
    [
      "has longer paths than a trigger carries",
      { commits: [{ added: Array.from({ length: 100 }, (_, n) => `${n}`.repeat(1_100)), removed: [], modified: [] }] },
    ],
    [
      "has one longer path than a trigger carries",
      { commits: [{ added: ["x".repeat(TRIGGER_PATH_LENGTH_MAX + 1)], removed: [], modified: [] }] },
    ],
  ])("does not say which files changed where it %s", (_why, change) => {
    expect(triggerOf("push", push(change))).not.toHaveProperty("paths");
  });

  test.each(["[skip ci] x", "x\n\n[ci skip]", "x [NO CI] y"])("carries its author's wish for no run: %j", (message) => {
    expect(triggerOf("push", push({ head_commit: { id: SHA, message } }))).toHaveProperty("skip");
  });

  test("that deletes is ignored, by either sign of it", () => {
    const ignored = { kind: "ignored", reason: "a branch was deleted" };
    expect(refusalOf("push", push({ deleted: true }))).toMatchObject(ignored);
    expect(refusalOf("push", push({ after: "0".repeat(40), head_commit: null }))).toMatchObject(ignored);
  });

  test("to notes, or of a name or a commit that is none, starts nothing", () => {
    expect(refusalOf("push", push({ ref: "refs/notes/x" })).kind).toBe("ignored");
    expect(refusalOf("push", push({ ref: `refs/heads/${"x".repeat(256)}` })).kind).toBe("ignored");
    expect(refusalOf("push", push({ ref: "refs/heads/a\u0000b" })).kind).toBe("ignored");
    expect(refusalOf("push", push({ after: "HEAD" })).kind).toBe("ignored");
  });

  test("with half of a surrogate pair becomes text that a table keeps", () => {
    const trigger = triggerOf("push", push({ ref: "refs/heads/\ud800", sender: { login: "\udfff" } }));
    expect(JSON.stringify(trigger).isWellFormed()).toBe(true);
    expect(trigger).toMatchObject({ branch: "\ufffd", actor: "\ufffd" });
  });
});

describe("a tag", () => {
  test("is of its commit, not of its own id, and no words of a message hold it back", () => {
    const payload = push({
      ref: "refs/tags/v1",
      after: "c".repeat(40),
      head_commit: { id: SHA, message: "[skip ci]" },
    });
    expect(triggerOf("push", payload)).toMatchObject({ event: "tag", tag: "v1", sha: SHA });
    expect(triggerOf("push", payload)).not.toHaveProperty("skip");
  });
  test.each(["refs/heads/main", "heads/main", "refs/tags/v1", "tags/v1"])(
    "case L10: %s is a tag's whole name, and a branch's: it is cut once",
    (name) => {
      expect(triggerOf("push", push({ ref: `refs/tags/${name}` }))).toMatchObject({ event: "tag", tag: name });
      expect(triggerOf("push", push({ ref: `refs/heads/${name}` }))).toMatchObject({ event: "push", branch: name });
      expect(parseEvent("push", push({ ref: `refs/${name}/x` }), NOW_MS).kind).toBe(
        name.startsWith("heads") || name.startsWith("tags") ? "trigger" : "ignored",
      );
    },
  );
  test("case C6: tells the id of its repository beside the name; a server that has none tells the name", () => {
    const told = (repository: unknown) => parseEvent("push", push({ repository }), NOW_MS);
    expect(told({ id: 7, full_name: "acme/shop" })).toMatchObject({ repository: { id: "7", name: "acme/shop" } });
    expect(told({ full_name: "acme/shop" })).toMatchObject({ repository: { name: "acme/shop" } });
  });
  test("of no commit starts nothing", () => {
    expect(refusalOf("push", push({ ref: "refs/tags/v1", head_commit: null })).kind).toBe("ignored");
  });
});

const pull = (change: Record<string, unknown> = {}, head: unknown = { id: 7 }) => ({
  action: "opened",
  number: 5,
  pull_request: {
    updated_at: "2026-01-02T03:04:05Z",
    head: { sha: SHA, ref: "feature", repo: head },
    base: { sha: BEFORE, ref: "main", repo: { id: 7 } },
  },
  repository: { full_name: "acme/shop" },
  sender: { login: "mallory" },
  ...change,
});

describe("a pull request", () => {
  test("tells its number, head, base and time", () => {
    expect(triggerOf("pull_request", pull())).toEqual({
      event: "pull_request",
      action: "opened",
      number: 5,
      sha: SHA,
      branch: "feature",
      base: { branch: "main", sha: BEFORE },
      fork: false,
      occurredAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      actor: "mallory",
    });
  });

  test("case C4: is another trigger where it gets another base; what else is edited starts nothing", () => {
    const base = { changes: { base: { ref: { from: "release" }, sha: { from: BEFORE } } } };
    expect(triggerOf("pull_request", pull({ action: "edited", ...base }))).toMatchObject({
      action: "synchronize",
      sha: SHA,
      base: { branch: "main", sha: BEFORE },
    });
    const title = { action: "edited", changes: { title: { from: "old" } } };
    expect(parseEvent("pull_request", pull(title), NOW_MS).kind).toBe("ignored");
  });

  test("SECURITY 19: is a fork's where its branch lives in another repository, or in one that is gone", () => {
    expect(triggerOf("pull_request", pull({}, { id: 8 }))).toMatchObject({ fork: true });
    expect(triggerOf("pull_request", pull({}, null))).toMatchObject({ fork: true });
  });

  test("SECURITY 22: is a fork's whoever its author says to be", () => {
    for (const login of ["acme", "dependabot[bot]", "github-actions[bot]", "renovate[bot]", "web-flow"])
      expect(triggerOf("pull_request", pull({ sender: { login, type: "Bot" } }, { id: 8 }))).toMatchObject({
        fork: true,
      });
    const owner = { ...pull({}, { id: 8 }), author_association: "OWNER", sender: { login: "acme", site_admin: true } };
    expect(triggerOf("pull_request", owner)).toMatchObject({ fork: true });
  });
});

test("what GitHub would not send is unreadable, and never throws", () => {
  for (const payload of [undefined, null, 1, "x", [], {}, { ref: 1 }, { repository: {} }]) {
    expect(parseEvent("push", payload, NOW_MS).kind).toBe("unreadable");
    expect(parseEvent("pull_request", payload, NOW_MS).kind).toBe("unreadable");
    expect(parseEvent("ping", payload, NOW_MS).kind).toBe("ignored");
    expect(parseEvent("star", payload, NOW_MS).kind).toBe("ignored");
  }
});

test("SECURITY 17: a body under another event's name, which is not signed, starts nothing", () => {
  expect(parseEvent("pull_request", push(), NOW_MS).kind).toBe("unreadable");
  expect(parseEvent("push", pull(), NOW_MS).kind).toBe("unreadable");
});

test("case C15: what is told of an event is text that the table stores, wherever it is cut", () => {
  // Its 64th and 65th units are one character, and its end is half of one.
  const action = `${"x".repeat(63)}\u{1f600}\ud83d`;
  const full_name = `acme/${"x".repeat(506)}\u{1f600}`;
  const base = { sha: SHA, ref: "main", repo: { id: 1 } };
  const pull = { action, number: 1, repository: { full_name }, pull_request: { head: base, base } };
  for (const parsed of [
    parseEvent("pull_request", pull, NOW_MS),
    parseEvent("repository", { action, repository: { full_name } }, NOW_MS),
    parseEvent("repository", { action: "renamed", repository: { full_name } }, NOW_MS),
  ]) {
    expect(parsed.kind).not.toBe("unreadable");
    expect("reason" in parsed ? parsed.reason.isWellFormed() : parsed.repository.name.isWellFormed()).toBe(true);
  }
});
