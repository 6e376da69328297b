import { enableCompileCache, flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** The stack process (DESIGN section 8): `node localstack/main.ts --state DIR [--memory] [--port N] [--host H]`. */

// First, so that all that is imported below comes from the cache the next time.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/baton", import.meta.url)));
const { startStack } = await import("./start-stack.ts");

await startStack(process.argv.slice(2), async () => {
  const { loadRealParts } = await import("./real-parts.ts");
  return loadRealParts();
});

// Node writes the cache when a process ends in order, which a stack that is killed with its parent never does.
flushCompileCache();
