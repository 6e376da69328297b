import { useBundledPackages } from "../shared/lib/bundled-packages.ts";
import { keepIgnoredSignals } from "../shared/lib/ignored-signals.ts";
import { keepLoopbackDirect } from "../shared/lib/loopback-direct.ts";
import { keepLogging } from "../shared/lib/steady-output.ts";

/** The runner process: `node runner/main.ts --help`. */

// First, so that all that is imported below finds the bundles.
keepIgnoredSignals(process.env);
keepLogging();
keepLoopbackDirect(process.env);
useBundledPackages(process.env);
// A runner parses little: to compile its schemas takes longer.
(await import("zod")).z.config({ jitless: true });
const { runnerMain } = await import("./runner-process.ts");

process.exit(await runnerMain(process.argv.slice(2)));
