import { afterAll, beforeAll, expect, test } from "vitest";
import { DomainError } from "../../shared/domain/errors.ts";
import { createToken, listTokens, revokeToken } from "../../shared/usecases/manage-tokens.ts";
import { startWorld, type World } from "../support/world.ts";

/** Administrators revoke each other's tokens, all at once, on a real table. */

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const ROUNDS = 20;

test.each([2, 3, 6])(
  "SECURITY 25: case A9: of %i administrators that are all revoked at once, one stays",
  async (count) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const deps = { ...world.deps, settings: { ...world.deps.settings, tenant: `t${count}-${round}` } };
      const made = await Promise.all(
        Array.from({ length: count }, (_, nth) => createToken(deps, { name: `admin-${nth}`, scopes: ["admin"] })),
      );
      const ends = await Promise.allSettled(made.map(({ view }) => revokeToken(deps, view.id)));
      const refused = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason as unknown);
      for (const error of refused) expect(error).toBeInstanceOf(DomainError);
      const live = (await listTokens(deps)).filter(({ revokedAtMs }) => revokedAtMs === undefined);
      expect(live.length, `round ${round}`).toBeGreaterThanOrEqual(1);
      expect(refused.length).toBe(live.length);
    }
  },
);
