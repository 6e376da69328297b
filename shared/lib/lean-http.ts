import type { Plugin } from "rolldown";

const HTTP = "\0node:http";

/**
 * What `import … from "node:http"` calls by the way, since it takes every name there is: lazy getters that load all of
 * Node's `fetch`.
 */
export const COSTLY_NAMES: ReadonlySet<string> = new Set(["WebSocket", "CloseEvent", "MessageEvent"]);

/** In a bundle, ES modules that import Node's HTTP get it without those names. `require` never calls them. */
export const leanHttp: Plugin = {
  name: "baton-lean-http",
  resolveId: (id, _importer, { kind }) =>
    (id === "node:http" || id === "http") && kind !== "require-call" ? HTTP : null,
  load(id) {
    if (id !== HTTP) return null;
    const names = Object.keys(process.getBuiltinModule("node:http")).filter((name) => !COSTLY_NAMES.has(name));
    return `const whole = process.getBuiltinModule("node:http"); export default whole; export const { ${names.join(", ")} } = whole;`;
  },
};
