import { readFileSync } from "node:fs";
import { CURRENTLY_RECOMMENDED_FLAGS } from "aws-cdk-lib/cx-api";
import { expect, test } from "vitest";
import { z } from "zod";

const cdkJson = z.object({ context: z.record(z.string(), z.unknown()) });
const { context } = cdkJson.parse(JSON.parse(readFileSync(new URL("../../cdk.json", import.meta.url), "utf8")));

/** What Baton wants otherwise than the CDK recommends: one more partition, and references that hold a stack in place. */
const OUR_OWN = ["@aws-cdk/core:target-partitions", "@aws-cdk/core:defaultCrossStackReferences"];

/** Else each `cdk` command ends with "feature flags are not configured", and an old default may change what is deployed. */
test("cdk.json decides every feature flag, as the CDK recommends but for two", () => {
  const others = Object.entries(CURRENTLY_RECOMMENDED_FLAGS).filter(([flag]) => !OUR_OWN.includes(flag));
  expect(context).toMatchObject(Object.fromEntries(others));
  for (const flag of OUR_OWN) expect(context).toHaveProperty([flag]);
});
