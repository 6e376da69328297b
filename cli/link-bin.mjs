import { rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Puts `baton` into node_modules/.bin after `npm ci`, as npm does for every package but the one it stands in: so npx
 * and npm scripts find it at once, and npx keeps no link to this folder in its cache.
 */
const link = fileURLToPath(new URL("../node_modules/.bin/baton", import.meta.url));
rmSync(link, { force: true });
symlinkSync("../../cli/baton.mjs", link);
