import { type InputOptions, type OutputOptions, rolldown } from "rolldown";

/** Bundles each entry of `input` into the file of its name, and what entries share into more, minified. Throws on a warning. */
export async function writeBundles(wanted: {
  readonly root: string;
  readonly folder: string;
  readonly input: Readonly<Record<string, string>>;
  readonly plugins: InputOptions["plugins"];
  readonly codeSplitting?: OutputOptions["codeSplitting"];
}): Promise<void> {
  const { root, folder, input, plugins, codeSplitting } = wanted;
  const bundler = await rolldown({
    cwd: root,
    input: { ...input },
    plugins,
    platform: "node",
    // The ES modules where a package has both: they need no wrapping, and load what is seldom needed when it is.
    resolve: { mainFields: ["module", "main"] },
    preserveEntrySignatures: "strict",
    logLevel: "warn",
    onLog(_level, log) {
      throw new Error(`rolldown: ${log.message}`);
    },
  });
  await bundler.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name]",
    chunkFileNames: "[name]-[hash].mjs",
    minify: true,
    ...(codeSplitting === undefined ? {} : { codeSplitting }),
  });
  await bundler.close();
}
