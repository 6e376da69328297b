import { spawnStack } from "../../localstack/spawn-stack.ts";

/** A parent of a stack, for a test to kill: prints the stack's processes, and waits. */
const [stateDir = "", main = ""] = process.argv.slice(2);
const { pid, enginePid } = await spawnStack({ stateDir, memory: true, main });
process.stdout.write(`${JSON.stringify({ pid, enginePid })}\n`);
