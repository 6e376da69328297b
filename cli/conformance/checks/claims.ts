import { mustAccept, mustRefuse } from "../answer.ts";
import { JOB, newClaimId } from "../bench.ts";
import { type Check, Disturbed, must } from "../check.ts";
import { mustNotChange } from "./unchanged.ts";

/** Claims: raced, repeated, doubled, late. */

const CONTENDERS = 16;
const REPEATS = 6;
const OFFER_POLLS_MAX = 20;

export const claimChecks: readonly Check[] = [
  {
    id: "offer.hint",
    proves: "a queued job is offered to its pool with the fence that a claim must name",
    invariants: [7],
    async run({ newRun, offers, job }) {
      const run = await newRun();
      let offer = await offers.next(run);
      for (let polls = 1; offer === undefined && polls < OFFER_POLLS_MAX; polls += 1) {
        if ((await job(run)).state !== "queued") throw new Disturbed("a runner took the offer");
        offer = await offers.next(run);
      }
      must(offer !== undefined, `no offer came in ${OFFER_POLLS_MAX} polls, and the job is still queued`);
      must(offer.jobId === JOB && offer.fence === 0, `the offer names ${offer.jobId} at fence ${offer.fence}`);
    },
  },
  {
    id: "claim.race",
    proves: `of ${CONTENDERS} claims at once one is granted, and the others change nothing`,
    invariants: [1, 4],
    async run({ newRun, claim, job }) {
      const run = await newRun();
      const answers = await Promise.all(Array.from({ length: CONTENDERS }, () => claim(run, 0)));
      const granted = answers.filter(({ kind }) => kind === "accepted");
      if (granted.length === 0) throw new Disturbed("a runner took the job");
      must(granted.length === 1, `${granted.length} of ${CONTENDERS} contenders were granted the same lease`);
      for (const answer of answers) if (answer.kind === "refused") mustRefuse("a claim that lost", answer, "taken");
      const { fence, attempts } = await job(run);
      must(fence === 1 && attempts.length === 1, `the job is at fence ${fence} with ${attempts.length} attempts`);
    },
  },
  {
    id: "claim.duplicate-offer",
    proves: "a second claim for the same offer is refused and changes nothing",
    invariants: [4],
    async run(bench) {
      const held = await bench.running();
      await mustNotChange(bench, held.run, async () => {
        mustRefuse("a second claim for one offer", await bench.claim(held.run, 0), "taken");
        mustRefuse("a claim for the next fence", await bench.claim(held.run, 1), "taken");
      });
    },
  },
  {
    id: "claim.lost-reply",
    proves: "a claim sent again because its answer was lost gets the same grant",
    invariants: [4],
    async run({ newRun, claim, job, onLease }) {
      const [run, claimId] = [await newRun(), newClaimId()];
      const first = await claim(run, 0, claimId);
      if (first.kind === "refused") throw new Disturbed(`refused: ${first.code}`);
      const again = await Promise.all(Array.from({ length: REPEATS }, () => claim(run, 0, claimId)));
      for (const answer of again) {
        const { fence, leaseToken } = mustAccept("the repeated claim", answer);
        must(fence === first.reply.fence, `the repeat got fence ${fence}, the first ${first.reply.fence}`);
        const held = {
          run,
          job: JOB,
          fence,
          token: leaseToken,
          grant: answer.kind === "accepted" ? answer.reply : first.reply,
        };
        mustAccept("the acknowledgement with a repeated grant's token", await onLease("ack", held));
      }
      must((await job(run)).attempts.length === 1, "the repeats made further attempts");
    },
  },
  {
    id: "claim.late",
    proves: "a late duplicate of a claim never takes a later fence",
    invariants: [4],
    async run(bench) {
      const [run, claimId] = [await bench.newRun(), newClaimId()];
      const first = await bench.claim(run, 0, claimId);
      if (first.kind === "refused") throw new Disturbed(`refused: ${first.code}`);
      const held = { run, job: JOB, fence: first.reply.fence, token: first.reply.leaseToken, grant: first.reply };
      mustAccept("the release", await bench.onLease("release", held));
      mustRefuse("the old claim, late", await bench.claim(run, 0, claimId), "taken");
      mustRefuse("another claim for the old offer", await bench.claim(run, 0), "taken");
      const seen = await bench.job(run);
      if (seen.attempts.length > 1) throw new Disturbed("a runner took the job");
      must(seen.state === "queued", `a late claim moved the job to ${seen.state}`);
    },
  },
  {
    id: "claim.ended",
    proves: "a claim of an ended job is answered as gone",
    invariants: [3],
    async run(bench) {
      const held = await bench.running();
      mustAccept("the completion", await bench.complete(held, "succeeded"));
      await mustNotChange(bench, held.run, async () => {
        for (const fence of [0, 1]) mustRefuse("a claim of an ended job", await bench.claim(held.run, fence), "gone");
      });
    },
  },
];
