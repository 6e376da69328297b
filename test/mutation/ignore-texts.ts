import { declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";

/** What a person reads is not what trust rests on: the tests of messages hold their words where they matter. */

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

interface Path {
  readonly node: Node;
  readonly parentPath: Path | null;
}

const TEXTS = new Set(["StringLiteral", "TemplateLiteral"]);

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, "texts", {
    shouldIgnore(path: Path): string | undefined {
      const parent = path.parentPath?.node;
      if (parent === undefined || !TEXTS.has(path.node.type)) return undefined;
      if (parent.type === "ObjectProperty" && nameOf(parent["key"]) === "doc") return "documentation of a row";
      if (parent.type === "NewExpression" && /Error$|Failure$/.test(nameOf(parent["callee"])))
        return "an error's words";
      if (parent.type === "VariableDeclarator" && nameOf(parent["id"]) === "message") return "an error's words";
      if (parent.type === "CallExpression" && isLog(parent["callee"])) return "a log's words";
      return undefined;
    },
  }),
];

function nameOf(node: unknown): string {
  const name = (node as { name?: unknown } | undefined)?.name;
  return typeof name === "string" ? name : "";
}

function isLog(callee: unknown): boolean {
  const { object, property } = (callee ?? {}) as { object?: { property?: unknown }; property?: unknown };
  const owner = nameOf(object) || nameOf(object?.property);
  return owner === "log" && /^(info|warn|error)$/.test(nameOf(property));
}
