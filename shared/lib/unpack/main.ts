import { parentPort, workerData } from "node:worker_threads";
import { useBundledPackages } from "../bundled-packages.ts";

/** The thread that unpacks an archive: `unpackArchive` starts it. */

// First, so that all that is imported below finds the bundles.
useBundledPackages(process.env);
const [{ unpack }, { failureOf }] = await Promise.all([import("./unpack.ts"), import("../run-in-thread.ts")]);

try {
  parentPort?.postMessage({ value: await unpack(workerData) });
} catch (error) {
  parentPort?.postMessage({ failure: failureOf(error) });
}
