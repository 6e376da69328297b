import { add, arg, type Effect, equals, put, remove, set, table } from "./move.ts";

const seen = [equals("latestSha", arg("seenSha")), equals("latestAtMs", arg("seenAtMs"))];
const takes: readonly Effect[] = [
  set("latestAtMs", arg("latestAtMs")),
  set("latestSha", arg("sha")),
  set("latestBefore", arg("before")),
  set("ttl", arg("ttl")),
  add("turn", 1),
];

/**
 * Where one pipeline stands on one branch or pull request, where newer pushes supersede older runs: the newest push that
 * was seen, by the forge's time, and the runs that may still be active, by the keys that they are made under. Its `turn`
 * grows with every push that takes the place.
 */
export const refMoves = table("ref", {
  bear: { doc: "Born with the first push that is seen.", from: "none", to: "open", recorded: false },
  advance: {
    doc: "A newer push takes the place of the one that the caller has seen there, and compared with: the next turn. Its run is made after that.",
    from: ["open"],
    to: "unchanged",
    guards: seen,
    effects: [...takes, put("runs.$key", arg("sha"))],
    recorded: false,
  },
  close: {
    doc: "The pull request was closed: nobody's run has the place.",
    from: ["open"],
    to: "unchanged",
    guards: seen,
    effects: takes,
    recorded: false,
  },
  leave: {
    doc: "A run was asked to stop, and nobody has taken the place since: it need not be asked again.",
    from: ["open"],
    to: "unchanged",
    guards: [equals("turn", arg("turn"))],
    effects: [remove("runs.$key")],
    recorded: false,
  },
});
