/** `by-project` → `ByProject`: a construct's or an output's name. */
export const pascalCase = (name: string): string =>
  name.replace(/(^|[^a-zA-Z0-9]+)([a-zA-Z0-9])/g, (_match, _gap, first: string) => first.toUpperCase());

/** `signing-key` → `SIGNING_KEY`: a part of a variable's name. */
export const variableCase = (name: string): string => name.replace(/[^a-zA-Z0-9]+/g, "_").toUpperCase();
