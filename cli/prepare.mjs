import { rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * What `npm ci` ends with. Puts `baton` into node_modules/.bin, as npm does for every package but the one it stands in:
 * so npx and npm scripts find it at once, and npx keeps no link to this folder in its cache.
 */
const link = fileURLToPath(new URL("../node_modules/.bin/baton", import.meta.url));
rmSync(link, { force: true });
symlinkSync("../../cli/baton.mjs", link);

/** Then bundles the packages. Baton runs without, only slower to start: an installation does not fail for it. */
try {
  const { bundlePackages } = await import("./bundle-packages.ts");
  await bundlePackages();
} catch (error) {
  console.error(`baton: starts will be slower, since packages could not be bundled: ${error.message}`);
}
