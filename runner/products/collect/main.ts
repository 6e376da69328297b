import { parentPort, workerData } from "node:worker_threads";
import { useBundledPackages } from "../../../shared/lib/bundled-packages.ts";

/** The thread that finds and packs a job's artifacts: `collectArtifacts` starts it. */

// First, so that all that is imported below finds the bundles.
useBundledPackages(process.env);
const [{ collect }, { failureOf }] = await Promise.all([
  import("./collect.ts"),
  import("../../../shared/lib/run-in-thread.ts"),
]);

try {
  parentPort?.postMessage({ value: collect(workerData) });
} catch (error) {
  parentPort?.postMessage({ failure: failureOf(error) });
}
