import { Stack, Validations } from "aws-cdk-lib";
import { flattenCfnReference } from "cdk-nag/lib/utils/flatten-cfn-reference.js";
import type { IConstruct } from "constructs";

/** Findings of cdk-nag that stand, each with its reason: rule, or rule and finding as `RULE[FINDING]`. */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  Validations.of(construct).acknowledge(...Object.entries(findings).map(([id, reason]) => ({ id, reason })));
}

/** The same for resources of a policy with a `*` in them: each by its own name, so that any other is still found. */
export function acknowledgeWildcards(construct: IConstruct, arns: readonly string[], reason: string): void {
  const wild = arns.filter((arn) => arn.includes("*"));
  const name = (arn: string) => flattenCfnReference(Stack.of(construct).resolve(arn));
  acknowledge(construct, Object.fromEntries(wild.map((arn) => [`AwsSolutions-IAM5[Resource::${name(arn)}]`, reason])));
}
