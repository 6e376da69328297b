import type { Pull } from "../../../support/recording-forge/state.ts";
import { type Dice, oneOf, wholeOf } from "../../engine/dice.ts";
import type { Simulation } from "../../engine/simulation.ts";
import { FORGE_PROFILE } from "./forge-profile.ts";
import type { SimForge } from "./sim-forge.ts";
import type { Webhooks } from "./webhooks.ts";

/** People who push, push back, tag, open, close and turn pull requests around; few names, so that things meet. */
export interface Developers {
  /** When the last of them did something. */
  readonly doneAtMs: number;
}

const MINUTE_MS = 60_000;
const ACTIONS = [2, 14] as const;
/** When sweep has mostly seen the project. */
const KNOWN_MS = 15_000;
const LASTS_MIN_MAX = [1, 15] as const;
const BRANCHES = ["main", "b1", "b2"] as const;
const TAGS = ["v1", "v2"] as const;
const PULLS_MAX = 2;
const SKIP_SHARE = 0.06;
const BARE_SHARE = 0.05;
/** Pull requests that come from forks. */
const FORK_SHARE = 0.3;

type Act = (dice: Dice) => void;

export function startDevelopers(sim: Simulation, forge: SimForge, hooks: Webhooks): Developers {
  const { repository } = forge;
  const { state } = repository;
  const first = repository.commit({ parent: undefined, skip: false, bare: false });
  repository.setBranch("main", first);
  /** Every head that each branch had. */
  const past = new Map<string, string[]>([["main", [first]]]);

  const taste = sim.dice("taste of the developers");
  /** In half of the worlds they meet on one branch. */
  const focus = taste() < 0.5 ? oneOf(taste, BRANCHES) : undefined;
  const anyBranch = (dice: Dice) => focus ?? oneOf(dice, BRANCHES);

  const newCommit = (dice: Dice, parent: string | undefined) =>
    repository.commit({ parent, skip: dice() < SKIP_SHARE, bare: dice() < BARE_SHARE });

  function setBranch(branch: string, sha: string, forced: boolean): void {
    const before = state.branches.get(branch);
    if (before === sha) return;
    past.set(branch, [...(past.get(branch) ?? []), sha]);
    hooks.push(repository.setBranch(branch, sha), before, forced);
    // An open pull request of this branch goes along.
    for (const pull of state.pulls.values())
      if (pull.state === "open" && !repository.forks.has(pull.number) && pull.head.ref === branch)
        synchronize(pull.number, sha);
  }

  function synchronize(number: number, sha: string): void {
    const pull = state.pulls.get(number);
    if (pull === undefined) return;
    const before = pull.head.sha;
    const fork = repository.forks.has(number);
    const event = repository.setPull({ number, branch: pull.head.ref, sha, base: pull.base.ref, fork });
    hooks.pull("synchronize", number, { event, before });
  }

  function pushNew(dice: Dice): void {
    const branch = anyBranch(dice);
    const head = state.branches.get(branch);
    const forced = head !== undefined && dice() < 0.3;
    setBranch(branch, newCommit(dice, forced ? state.commits.get(head)?.parent : (head ?? first)), forced);
  }

  /** A branch comes to where another is: one commit, pushed twice. */
  function branchOff(dice: Dice): void {
    const from = state.branches.get(oneOf(dice, BRANCHES));
    if (from !== undefined) setBranch(oneOf(dice, ["b1", "b2"]), from, true);
  }

  function pushBack(dice: Dice): void {
    if (!FORGE_PROFILE.pushesBack) return;
    const branch = anyBranch(dice);
    // Mostly to the last before: its run may be going on.
    const [one, ...more] = (past.get(branch) ?? []).slice(dice() < 0.6 ? -2 : 0);
    // Also a branch that was deleted comes back as it was.
    if (one !== undefined) setBranch(branch, oneOf(dice, [one, ...more]), state.branches.has(branch));
  }

  function deleteBranch(dice: Dice): void {
    const branch = oneOf(dice, ["b1", "b2"]);
    const before = state.branches.get(branch);
    const isNeeded = [...state.pulls.values()].some(
      ({ state: is, base, head }) => is === "open" && (base.ref === branch || head.ref === branch),
    );
    if (before === undefined || isNeeded) return;
    repository.deleteBranch(branch);
    hooks.pushDeleted(`refs/heads/${branch}`, before);
  }

  function tag(dice: Dice): void {
    const name = oneOf(dice, TAGS);
    const [sha = first] = [...state.branches.values()].slice(wholeOf(dice, 0, 2));
    const before = state.tags.get(name);
    if (before !== undefined && dice() < 0.5) {
      repository.deleteTag(name);
      hooks.pushDeleted(`refs/tags/${name}`, before);
      return;
    }
    hooks.push(repository.setTag(name, sha, dice() < 0.5), before, before !== undefined);
  }

  function pull(dice: Dice): void {
    const number = wholeOf(dice, 1, PULLS_MAX);
    const known = state.pulls.get(number);
    if (known === undefined) openPull(dice, number);
    else if (known.state === "closed") reopen(number);
    else turn(dice, known);
  }

  /** Something happens to an open pull request. */
  function turn(dice: Dice, { number, head }: Pull): void {
    const what = dice();
    if (what < 0.35) {
      repository.closePull(number);
      hooks.pull("closed", number);
    } else if (what < 0.6) changeBase(number);
    else if (repository.forks.has(number)) synchronize(number, newCommit(dice, head.sha));
    else setBranch(head.ref, newCommit(dice, state.branches.get(head.ref) ?? first), false);
  }

  function openPull(dice: Dice, number: number): void {
    const fork = dice() < FORK_SHARE;
    const branch = fork ? "patch" : oneOf(dice, ["b1", "b2"]);
    const sha = fork ? newCommit(dice, first) : state.branches.get(branch);
    if (sha === undefined) return;
    const event = repository.setPull({ number, branch, sha, base: "main", fork });
    hooks.pull("opened", number, { event });
  }

  function reopen(number: number): void {
    const pull = state.pulls.get(number);
    if (pull === undefined || !FORGE_PROFILE.reopens) return;
    const fork = repository.forks.has(number);
    // Its branch may have moved meanwhile, and GitHub opens none whose branch is gone.
    const sha = fork ? pull.head.sha : state.branches.get(pull.head.ref);
    if (sha === undefined || !state.branches.has(pull.base.ref)) return;
    const event = repository.setPull({ number, branch: pull.head.ref, sha, base: pull.base.ref, fork });
    hooks.pull("reopened", number, { event });
  }

  function changeBase(number: number): void {
    const pull = state.pulls.get(number);
    if (!FORGE_PROFILE.basesChange || pull === undefined) return;
    const base = ["main", "b1", "b2"].find(
      (branch) => branch !== pull.base.ref && branch !== pull.head.ref && state.branches.has(branch),
    );
    if (base === undefined) return;
    const from = pull.base;
    const fork = repository.forks.has(number);
    const event = repository.setPull({ number, branch: pull.head.ref, sha: pull.head.sha, base, fork });
    hooks.pull("edited", number, { event, changes: { base: { ref: { from: from.ref }, sha: { from: from.sha } } } });
  }

  const acts: readonly [Act, ...Act[]] = [
    pushNew,
    pushNew,
    pushNew,
    pull,
    pull,
    pull,
    pull,
    branchOff,
    pushBack,
    pushBack,
    deleteBranch,
    tag,
  ];
  const dice = sim.dice("developers");
  const lastsMs = oneOf(dice, [20_000, MINUTE_MS, wholeOf(dice, ...LASTS_MIN_MAX) * MINUTE_MS]);
  const actions = wholeOf(dice, ...ACTIONS);
  // Mostly the project is known by then.
  const fromMs = dice() < 0.15 ? 0 : KNOWN_MS;
  let doneAtMs = 0;
  for (let nth = 1; nth <= actions; nth += 1) {
    const atMs = fromMs + dice() * lastsMs;
    const label = `action ${nth}`;
    doneAtMs = Math.max(doneAtMs, atMs);
    sim.world(atMs, label, () => {
      const own = sim.dice(label);
      oneOf(own, acts)(own);
    });
  }
  return { doneAtMs };
}
