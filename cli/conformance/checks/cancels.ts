import { isJobEnded } from "../../../shared/domain/verdict.ts";
import { heartbeatAck } from "../../../shared/protocol/leases.ts";
import { answerOf, mustAccept, mustRefuse } from "../answer.ts";
import { type Check, must, Violation } from "../check.ts";
import { mustNotChange } from "./unchanged.ts";

/** Cancels: seen by the holder, racing with its result, and replays of requests. */

const ROUNDS = 5;
const REPLAYS = 6;

export const cancelChecks: readonly Check[] = [
  {
    id: "cancel.seen",
    proves: "a canceled attempt is told by its next heartbeat, its late result changes nothing, its word ends it",
    invariants: [13],
    async run(bench) {
      const held = await bench.running();
      await bench.client.call("cancelRun", { params: { run: held.run }, body: { reason: "conformance" } });
      const { stop } = heartbeatAck.parse(mustAccept("the heartbeat", await bench.onLease("heartbeat", held)));
      must(stop?.reason === "cancel", "the heartbeat after a cancel does not say stop");
      await bench.complete(held, "succeeded");
      const job = await bench.jobBecomes(
        held.run,
        "ended or stopping",
        ({ state }) => state === "stopping" || isJobEnded(state),
      );
      must(job.state !== "succeeded", "a result that came after the stop made the canceled job succeed");
      await bench.onLease("cancelAck", held);
      const ended = await bench.jobBecomes(held.run, "canceled", ({ state }) => isJobEnded(state));
      must(ended.state === "canceled", `the job is ${ended.state}`);
      must((await bench.runEnds(held.run)).state === "canceled", "the run is not canceled");
    },
  },
  {
    id: "cancel.race",
    proves: "a cancel that races with a completion leaves one consistent end",
    invariants: [3, 13],
    async run(bench) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const held = await bench.running();
        const cancel = () => answerOf(bench.client.call("cancelRun", { params: { run: held.run }, body: {} }));
        const [completed] = await Promise.all([bench.complete(held, "succeeded"), cancel(), cancel()]);
        await bench.onLease("cancelAck", held);
        const job = await bench.jobBecomes(held.run, "ended", ({ state }) => isJobEnded(state));
        const run = await bench.runEnds(held.run);
        const told = completed.kind === "accepted" ? completed.reply.state : completed.code;
        if (told === "succeeded" && job.state !== "succeeded")
          throw new Violation(`the holder was told succeeded, and the job is ${job.state}`);
        must(["succeeded", "canceled"].includes(job.state), `the job is ${job.state}`);
        must(job.attempts.length === 1 && job.attempts[0]?.end !== undefined, "the attempt has no end of its own");
        must(["succeeded", "canceled"].includes(run.state), `the run is ${run.state}`);
        if (job.state === "canceled") must(run.state === "canceled", "a run whose job was canceled succeeded");
      }
    },
  },
  {
    id: "cancel.ended",
    proves: "canceling an ended run changes nothing",
    invariants: [3],
    async run(bench) {
      const held = await bench.running();
      mustAccept("the completion", await bench.complete(held, "succeeded"));
      await bench.runEnds(held.run);
      await mustNotChange(bench, held.run, async () => {
        await answerOf(bench.client.call("cancelRun", { params: { run: held.run }, body: {} }));
      });
      must((await bench.runEnds(held.run)).state === "succeeded", "a run that had succeeded was canceled");
    },
  },
  {
    id: "replay.idempotency-key",
    proves: "requests with one Idempotency-Key make one run; another request under that key is refused",
    invariants: [15],
    async run({ newRun }) {
      const idempotencyKey = `conformance-${crypto.randomUUID()}`;
      const ids = await Promise.all(Array.from({ length: REPLAYS }, () => newRun({ idempotencyKey })));
      must(new Set(ids).size === 1, `${REPLAYS} replays made ${new Set(ids).size} runs`);
      const other = await answerOf(newRun({ idempotencyKey, pipeline: "conformance-other" }));
      mustRefuse("another request under the same key", other, "idempotency_mismatch");
    },
  },
];
