import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { useBundledPackages } from "../shared/lib/bundled-packages.ts";
import { keepLoopbackDirect } from "../shared/lib/loopback-direct.ts";
import { keepLogging } from "../shared/lib/steady-output.ts";

/** The stack process (DESIGN section 8): `node localstack/main.ts --state DIR [--memory] [--port N] [--host H] [--source DIR]`. */

// First, so that all that is imported below comes from the caches.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/baton", import.meta.url)));
keepLogging();
keepLoopbackDirect(process.env);
useBundledPackages(process.env);
// All that is written in the state folder is its owner's alone, by the table's engine, too.
process.umask(0o077);
const { startStack } = await import("./start-stack.ts");

await startStack(process.argv.slice(2), async () => {
  const { loadRealParts } = await import("./real-parts.ts");
  return loadRealParts();
});
