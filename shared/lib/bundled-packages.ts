import { existsSync, statSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The packages that our programs import, each bundled into one file by `npm ci` (cli/bundle-packages.ts): half of a
 * start was spent on finding and reading a thousand small modules. Our own sources are never bundled: nothing goes stale
 * when they are edited. This module must be loaded before any package, so it stands on Node alone.
 */

/** Every dependency that is JavaScript, by the name that our sources import. Changing the list, or how bundles are made, changes the folder's name. */
export const BUNDLED_PACKAGES = [
  "@aws-lambda-powertools/logger",
  "@aws-lambda-powertools/metrics",
  "@aws-sdk/client-auto-scaling",
  "@aws-sdk/client-cloudwatch",
  "@aws-sdk/client-dynamodb",
  "@aws-sdk/client-lambda",
  "@aws-sdk/client-s3",
  "@aws-sdk/client-sqs",
  "@aws-sdk/client-ssm",
  "@aws-sdk/client-sts",
  "@aws-sdk/lib-dynamodb",
  "@aws-sdk/s3-request-presigner",
  "@aws-sdk/util-dynamodb",
  "@middy/core",
  "@octokit/auth-app",
  "@octokit/request",
  "@octokit/request-error",
  "commander",
  "croner",
  "fastest-levenshtein",
  "fauxqs",
  "picocolors",
  "prom-client",
  "tar",
  "tinyglobby",
  "ulid",
  "yaml",
  "zod",
  // Node's own, as a module without the names of browsers in it: they alone load 35 ms of code, needed or not.
  "node:http",
] as const;

/** How bundles are made; counted up when that changes. */
const RECIPE = 1;

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Where the bundles lie, beside Node's compiled code. */
const CACHE = join(root, "node_modules", ".cache", "baton");
export const BUNDLES_PREFIX = "packages-";

export const bundleFile = (name: string): string => `${name.replace("@", "").replace(/[/:]/, "-")}.mjs`;

/**
 * The folder of bundles of the packages that npm has installed, for this major version of Node: named for when npm wrote
 * its record of them, and for the recipe. Undefined where npm did not install them. It exists whole or not at all.
 */
export function bundlesFolder(installed = join(root, "node_modules", ".package-lock.json")): string | undefined {
  const record = statSync(installed, { throwIfNoEntry: false });
  if (record === undefined) return undefined;
  const recipe = digestOf(JSON.stringify([RECIPE, process.versions.modules, BUNDLED_PACKAGES]));
  const written = `${Math.round(record.mtimeMs).toString(36)}-${record.size.toString(36)}`;
  return join(CACHE, `${BUNDLES_PREFIX}${recipe}-${written}`);
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). Not a hash of Node's: to load those takes 7 ms, before anything else. */
function digestOf(text: string): string {
  let digest = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) digest = Math.imul(digest ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return digest.toString(36);
}

/**
 * From here on our sources get the bundles in place of the packages; where there are none, the packages themselves, as
 * with BATON_BUNDLED_PACKAGES=off in `env`. Answers whether bundles are used.
 */
export function useBundledPackages(env: NodeJS.ProcessEnv, folder = bundlesFolder()): boolean {
  if (env["BATON_BUNDLED_PACKAGES"] === "off" || folder === undefined || !existsSync(folder)) return false;
  const urls = new Map<string, string>(
    BUNDLED_PACKAGES.map((name) => [name, pathToFileURL(join(folder, bundleFile(name))).href]),
  );
  registerHooks({
    resolve(specifier, context, next) {
      const url = urls.get(specifier);
      // What a package imports is its own affair: in a bundle it is there already.
      if (url === undefined || context.parentURL?.includes("/node_modules/") !== false) return next(specifier, context);
      return { url, format: "module", shortCircuit: true };
    },
  });
  return true;
}
