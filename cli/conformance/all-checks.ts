import type { Check } from "./check.ts";
import { cancelChecks } from "./checks/cancels.ts";
import { claimChecks } from "./checks/claims.ts";
import { leaseChecks } from "./checks/leases.ts";
import { tokenChecks } from "./checks/tokens.ts";
import { uploadChecks } from "./checks/uploads.ts";

export const CHECKS: readonly Check[] = [
  ...claimChecks,
  ...leaseChecks,
  ...tokenChecks,
  ...cancelChecks,
  ...uploadChecks,
];
