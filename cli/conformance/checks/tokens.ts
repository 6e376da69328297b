import type { Route } from "../../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { mustAccept, mustRefuse } from "../answer.ts";
import { bareStatus } from "../bare-status.ts";
import { LEASE_ROUTES } from "../bench.ts";
import { type Check, must } from "../check.ts";
import { grantedAgain } from "./leases.ts";
import { mustNotChange } from "./unchanged.ts";

/** Who may do what: forged, altered and foreign lease tokens, and every route without a token. */

const REFUSED = new Set([401, 403, 409]);

export const tokenChecks: readonly Check[] = [
  {
    id: "token.forged",
    proves: "a lease token that was made up or altered in any part is refused",
    invariants: [18],
    async run(bench) {
      const held = await bench.running();
      await mustNotChange(bench, held.run, async () => {
        for (const [what, token] of Object.entries({
          ...alteredTokens(held.token),
          session: bench.session.sessionToken,
        }))
          for (const route of LEASE_ROUTES)
            mustRefuse(
              `${route} with a token that is ${what}`,
              await bench.onLease(route, held, { token }),
              "stale_lease",
              "unauthorized",
            );
      });
      mustAccept("the real token afterwards", await bench.onLease("heartbeat", held));
    },
  },
  {
    id: "token.other-fence",
    proves: "a token of one attempt is refused on the path of another attempt of the same job",
    invariants: [2, 18],
    async run(bench) {
      const { old, current } = await grantedAgain(bench);
      await mustNotChange(bench, old.run, async () => {
        for (const route of LEASE_ROUTES) {
          const older = await bench.onLease(route, current, { token: old.token });
          mustRefuse(`${route} of fence ${current.fence} with the token of fence ${old.fence}`, older, "stale_lease");
          const newer = await bench.onLease(route, old, { token: current.token });
          mustRefuse(`${route} of fence ${old.fence} with the token of fence ${current.fence}`, newer, "stale_lease");
        }
      });
    },
  },
  {
    id: "token.other-job",
    proves: "a token of one job is refused on the path of another",
    invariants: [18],
    async run(bench) {
      const [one, other] = [await bench.running(), await bench.running()];
      await mustNotChange(bench, one.run, async () => {
        for (const route of LEASE_ROUTES)
          mustRefuse(
            `${route} with another job's token`,
            await bench.onLease(route, one, { token: other.token }),
            "stale_lease",
          );
      });
    },
  },
  {
    id: "auth.every-route",
    proves: "every route but /healthz refuses a call without a token, and one with a made-up token",
    invariants: [],
    async run({ client }) {
      for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
        if (route.access === "open") continue;
        for (const authorization of [undefined, "Bearer baton_main_00000000000000000000000000_forged"]) {
          const status = await bareStatus(client.url, route, authorization);
          const who = authorization === undefined ? "nobody" : "a made-up token";
          must(REFUSED.has(status), `${name} answered ${status} to ${who}`);
        }
      }
    },
  },
];

/** The token with one thing changed. */
function alteredTokens(token: string): Record<string, string> {
  const [head = "", mac = ""] = token.split(".");
  const flipped = (text: string, at: number) => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  return {
    "made up": "bl_e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "altered in its claims": `${flipped(head, Math.floor(head.length / 2))}.${mac}`,
    "altered in its signature": `${head}.${flipped(mac, 3)}`,
    unsigned: `${head}.`,
    cut: token.slice(0, -4),
  };
}
