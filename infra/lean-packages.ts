import { fileURLToPath } from "node:url";
import type { Plugin } from "rolldown";

/** Parts of packages in place of the whole, in a function's bundle: what is left out could never be called there. */

const stand = (name: string, instead: string, code: string): Plugin => {
  const id = `\0lean:${instead}`;
  return {
    name: `baton-lean-${name}`,
    resolveId: (wanted) => (wanted === instead ? id : null),
    load: (wanted) => (wanted === id ? code : null),
  };
};

/**
 * A function's credentials come in its environment and nowhere else: without the SDK's other ways (files, SSO, web
 * identities, hosts' metadata), with their clients, a bundle is a tenth smaller, and nothing can be lured into them.
 */
export const environmentCredentials = stand(
  "credentials",
  "@aws-sdk/credential-provider-node",
  `export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";`,
);

/** The metrics that we make. The whole brings a push gateway, a cluster and OpenTelemetry, for metrics of Node's own. */
export const leanMetrics = stand(
  "metrics",
  "prom-client",
  ["Counter", "Histogram", "Registry"]
    .map((name) => `export { default as ${name} } from "prom-client/lib/${name.toLowerCase()}.js";`)
    .join("\n"),
);

/** Of YAML what reads it. For Node the package has CommonJS, of which nothing can be left out; the same as modules stands beside it. */
const YAML_MODULES = fileURLToPath(new URL("../node_modules/yaml/browser/dist/index.js", import.meta.url));
export const leanYaml = stand(
  "yaml",
  "yaml",
  `export { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from ${JSON.stringify(YAML_MODULES)};`,
);

const JSON_SCHEMA_PROCESSORS = /\/zod\/v4\/core\/json-schema-processors\.js$/;

/** Schemas, without what prints them as JSON Schema: that is for docs, and each schema would bring it along. */
export const leanZod: Plugin = {
  name: "baton-lean-zod",
  transform(code, id) {
    if (!JSON_SCHEMA_PROCESSORS.test(id)) return null;
    const names = [...code.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
    const none = `const none = () => { throw new Error("a function prints no JSON Schema"); };`;
    return { code: [none, ...names.map((name) => `export const ${name} = none;`)].join("\n"), map: null };
  },
};
