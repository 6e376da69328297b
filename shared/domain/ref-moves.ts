import { absent, arg, equals, put, remove, set, table } from "./move.ts";

/**
 * Where one pipeline stands on one branch or pull request, where newer pushes supersede older runs: the newest push that
 * was seen, by the forge's time, and the runs that may still be active.
 */
export const refMoves = table("ref", {
  bear: { doc: "Born with the first push that is seen.", from: "none", to: "open", recorded: false },
  advance: {
    doc: "A newer push takes the place of the one that the caller has seen there, and compared with.",
    from: ["open"],
    to: "unchanged",
    guards: [equals("latestSha", arg("seenSha")), equals("latestAtMs", arg("seenAtMs"))],
    effects: [
      set("latestAtMs", arg("latestAtMs")),
      set("latestSha", arg("sha")),
      set("latestBefore", arg("before")),
      set("ttl", arg("ttl")),
    ],
    recorded: false,
  },
  enter: {
    doc: "A run of this branch is there. The answer says whether a newer push has come meanwhile.",
    from: ["open"],
    to: "unchanged",
    guards: [absent("runs.$runId")],
    effects: [put("runs.$runId", arg("sha"))],
    recorded: false,
  },
  leave: {
    doc: "A run was asked to stop: it need not be asked again.",
    from: ["open"],
    to: "unchanged",
    effects: [remove("runs.$runId")],
    recorded: false,
  },
});
