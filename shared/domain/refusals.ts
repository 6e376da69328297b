/**
 * What a refusal of a forge asks of whoever was refused. The client of each forge reads it from what was refused (of GitHub,
 * `functions/forges/github/github-error.ts`).
 *
 * - `passing`: the forge, or the way to it, is in trouble: again after a backoff;
 * - `limited`: it names the time after which it answers again;
 * - `lagging`: it does not know yet, or not any more, what was told of: again, for a while (`FORGE_LAG_MS`);
 * - `mendable`: an operator can mend it: credentials, permissions, an installation;
 * - `final`: it will not take this, whoever asks and however often.
 */
export const REFUSAL_KINDS = ["passing", "limited", "lagging", "mendable", "final"] as const;
export type RefusalKind = (typeof REFUSAL_KINDS)[number];
