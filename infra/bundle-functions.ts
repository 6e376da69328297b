import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { leanHttp } from "../shared/lib/lean-http.ts";
import { removeWholeTree } from "../shared/lib/remove-tree.ts";
import { FUNCTIONS, type FunctionName } from "../shared/resources.ts";
import { environmentCredentials, leanMetrics, leanYaml, leanZod } from "./lean-packages.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

export interface FunctionBundle {
  readonly name: FunctionName;
  /** What is uploaded: holds `index.mjs` alone. */
  readonly folder: string;
  readonly bytes: number;
  /** Of the code, so that the same sources are the same asset. */
  readonly sha256: string;
}

/**
 * Bundles every function that `shared/resources.ts` names, each with all that it imports, the SDK too, into
 * `<output>/<name>/index.mjs` (ADR 0030). Needs no network and no Docker. Throws where a source cannot be resolved.
 */
export async function bundleFunctions(output: string): Promise<FunctionBundle[]> {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  await removeWholeTree(output);
  const bundles: FunctionBundle[] = [];
  // One after the other: a bundler uses every core by itself.
  for (const name of names) bundles.push(await bundleFunction(name, join(output, name)));
  return bundles;
}

async function bundleFunction(name: FunctionName, folder: string): Promise<FunctionBundle> {
  const code = await bundleCode(join(root, "functions", `${name}.ts`));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "index.mjs"), code);
  return { name, folder, bytes: Buffer.byteLength(code), sha256: createHash("sha256").update(code).digest("hex") };
}

/** One ES module of an entry and all that it needs but Node itself: minified, without what nothing calls. */
export async function bundleCode(entry: string): Promise<string> {
  const bundler = await rolldown({
    cwd: root,
    input: entry,
    plugins: [leanHttp, leanMetrics, leanYaml, leanZod, environmentCredentials],
    platform: "node",
    // The ES modules where a package has both: only of those can unused parts be left out.
    resolve: { mainFields: ["module", "main"] },
    // Nothing that is read of our packages does anything by being read.
    treeshake: { propertyReadSideEffects: false },
    logLevel: "warn",
    onLog(_level, log) {
      throw new Error(`rolldown: ${log.message}`);
    },
  });
  try {
    const { output } = await bundler.generate({ format: "esm", minify: true, comments: false, codeSplitting: false });
    const [chunk, ...more] = output;
    if (more.length > 0) throw new Error(`${entry} became more than one file: ${more.map(({ fileName }) => fileName)}`);
    return chunk.code;
  } finally {
    await bundler.close();
  }
}
