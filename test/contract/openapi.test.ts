import { readFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../shared/protocol/openapi.ts";
import { routes } from "../../shared/protocol/routes.ts";

const operation = z.looseObject({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean() })),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
const document = openApiDocument();
const parsed = documentSchema.parse(document);
const operations = Object.entries(parsed.paths).flatMap(([path, methods]) =>
  Object.values(methods).map((found) => ({ path, ...found })),
);

test("the document is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

test("the committed document is the one that the code makes", async () => {
  const committed = await readFile(new URL("../../docs/openapi.v1.json", import.meta.url), "utf8");
  expect(committed).toBe(`${JSON.stringify(document, null, 2)}\n`);
});

test("every route is one operation, named like the route", () => {
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(routes).sort());
});

test("only the health route and webhooks, which are signed, are open", () => {
  const open = operations.filter(({ security }) => security.length === 0);
  expect(open.map(({ operationId }) => operationId)).toEqual(["health", "githubWebhook"]);
});

test("a path's parameters are those that it names, and all are required", () => {
  for (const { path, parameters } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    expect(inPath.map(({ name }) => name)).toEqual(named);
    expect(inPath.every(({ required }) => required)).toBe(true);
  }
});

test("every reference leads to a schema of the document", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(0);
  for (const [, name] of references) expect(parsed.components.schemas).toHaveProperty(name ?? "");
});
