import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describeMachine } from "../../docs/describe-machine.ts";
import { readResult } from "../../docs/read-results.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { ROOMS } from "./rooms.ts";
import type { RoomResult } from "./run-room.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Puts one room's score in the place of its last one; the other rooms keep theirs. */
export function keepResult(result: RoomResult): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
  const others = (readResult("mutation")?.result.rooms ?? []).filter(({ room }) => room !== result.room);
  const rooms = [...others, { ...result, commit }].sort((a, b) => placeOf(a.room) - placeOf(b.room));
  const recorded = {
    tool: "mutation",
    command: "npm run mutants -- --keep",
    atMs: systemClock.nowMs(),
    commit,
    machine: describeMachine(),
    result: { rooms },
  };
  writeFileSync(path.join(ROOT, "docs/results/mutation.json"), `${JSON.stringify(recorded, null, 2)}\n`);
}

const placeOf = (room: string): number => ROOMS.findIndex(({ name }) => name === room);
