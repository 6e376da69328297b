import { rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * What `npm ci` ends with. Puts `baton` into node_modules/.bin, as npm does for every package but the one it stands in:
 * so npm scripts find it. (npx looks for it in its cache, where it keeps a link to this folder.)
 */
const link = fileURLToPath(new URL("../node_modules/.bin/baton", import.meta.url));
rmSync(link, { force: true });
symlinkSync("../../cli/baton", link);

/** Then bundles the packages. Baton runs without, only slower to start: an installation does not fail for it. */
try {
  const { bundlePackages } = await import("./bundle-packages.ts");
  await bundlePackages();
} catch (error) {
  console.error(`baton: starts will be slower, since packages could not be bundled: ${error.message}`);
}
