import { mkdir, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "rolldown";
import { BUNDLED_PACKAGES, BUNDLES_PREFIX, bundleFile, bundlesFolder } from "../shared/lib/bundled-packages.ts";
import { COSTLY_NAMES, leanHttp } from "../shared/lib/lean-http.ts";
import { removeWholeTree } from "../shared/lib/remove-tree.ts";
import { writeBundles } from "../shared/lib/write-bundles.ts";

/** `npm ci` ends with this: each package that our programs import becomes one file, which they load instead of it. */

const root = fileURLToPath(new URL("../", import.meta.url));
const ENTRY = "\0entry:";

/**
 * Makes the bundles of what is installed, unless they are there. What the packages share is in shared files, so that
 * there is one instance of everything. Throws where a bundle would not export what its package does.
 */
export async function bundlePackages(folder: string | undefined = bundlesFolder()): Promise<void> {
  if (folder === undefined) throw new Error("npm has not written node_modules/.package-lock.json");
  const cache = dirname(folder);
  await mkdir(cache, { recursive: true });
  const there = await readdir(cache);
  if (there.includes(basename(folder))) return;
  // Beside it, so that a rename makes the whole of it appear at once.
  const making = join(cache, `making-${process.pid}`);
  try {
    await bundleInto(making);
    await checkExports(making);
    await rename(making, folder).catch(ignoreTaken);
  } finally {
    await removeWholeTree(making);
  }
  const old = there.filter((name) => name.startsWith(BUNDLES_PREFIX));
  await Promise.all(old.map((name) => removeWholeTree(join(cache, name))));
}

/** What the clients of AWS share is one file, for it is always loaded together: file by file it would be forty. */
const AWS_CORE = {
  name: "aws-core",
  test: /node_modules\/(@smithy|@aws-sdk\/(?!client-|lib-))/,
  tags: ["$initial" as const],
};

function bundleInto(folder: string): Promise<void> {
  const input = Object.fromEntries(BUNDLED_PACKAGES.map((name) => [bundleFile(name), ENTRY + name]));
  return writeBundles({ root, folder, input, plugins: [entries, leanHttp], codeSplitting: { groups: [AWS_CORE] } });
}

/** An entry exports what Node itself sees in the package: of a CommonJS module, the names that Node finds in its text. */
const entries: Plugin = {
  name: "baton-entries",
  resolveId: (id) => (id.startsWith(ENTRY) ? id : null),
  async load(id) {
    if (!id.startsWith(ENTRY)) return null;
    const name = id.slice(ENTRY.length);
    const from = JSON.stringify(name);
    const names = await namesOf(name);
    const isCommonJs = names.delete(WHOLE);
    const chosen = (await this.resolve(name))?.id;
    const hasDefault = names.delete("default") && !isCommonJs;
    if (isCommonJs && chosen === fileURLToPath(import.meta.resolve(name)))
      return `import whole from ${from}; export default whole; export const { ${[...names].join(", ")} } = whole;`;
    return `export * from ${from};${hasDefault ? `export { default } from ${from};` : ""}`;
  },
};

/** What Node calls all that a CommonJS module exports. */
const WHOLE = "module.exports";

/** A bundle has every name that its package has. The default of a CommonJS package is the whole of it, under no name. */
async function checkExports(folder: string): Promise<void> {
  for (const name of BUNDLED_PACKAGES) {
    const wanted = await namesOf(name);
    const made = await namesOf(pathToFileURL(join(folder, bundleFile(name))).href);
    if (wanted.delete(WHOLE)) wanted.delete("default");
    const missing = [...wanted].filter((one) => !made.has(one));
    if (missing.length > 0) throw new Error(`the bundle of ${name} would lack ${missing.join(", ")}`);
  }
}

async function namesOf(specifier: string): Promise<Set<string>> {
  const found: unknown = await import(specifier);
  // The mark that compilers leave in CommonJS is for loaders, and Node's is not one of those.
  const names = Object.keys(found as object).filter((name) => name !== "__esModule");
  return new Set(names.filter((name) => specifier !== "node:http" || !COSTLY_NAMES.has(name)));
}

/** Another made the same bundles meanwhile. */
function ignoreTaken(error: unknown): void {
  if (!(error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST")))
    throw error;
}
