import { cpus, release, totalmem } from "node:os";

/** The machine that a result was made on. */
export function describeMachine() {
  return {
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}
