import type { Command } from "commander";
import type { Context } from "./context.ts";
import { examples, urlOption } from "./option-types.ts";

const ABOUT = `
It plays a runner that breaks every rule: claims raced and repeated, stale
fences, forged tokens, late and doubled results, racing cancels, replays,
misused upload links. It needs a token with the scopes run, read and runner, and
works over HTTP alone, on runs that it makes itself in the pool that you name.
Name one without runners where you can: theirs take its jobs (which do nothing)
and leave a check unclear. Offers of others that it meets go back to the pool at
once. One check waits for a lease to run out, about a minute; --quick leaves it
out.

Exit codes: 0 all hold, 1 one is broken, 2 one is unclear or it could not run.
`;

/** `baton conformance`. */
export function addConformanceCommand(program: Command, context: Context): void {
  program
    .command("conformance")
    .description("Attack a control plane from outside, and report which of Baton's promises it keeps.")
    .addOption(urlOption())
    .option("--pool <name>", "where its jobs are queued, best a pool without runners", "default")
    .option("--project <name>", "the project of its runs", "conformance")
    .option("--only <id...>", "these checks alone")
    .option("--quick", "without the check that waits for a lease to run out")
    .option("--json <file>", "write the report as JSON")
    .option("--markdown <file>", "write the report as Markdown")
    .addHelpText(
      "after",
      ABOUT +
        examples(
          "baton conformance",
          "baton conformance --url https://ci.example.com --pool probes",
          "baton conformance --markdown report.md",
          "baton conformance --quick --only claim.race lease.stale-fence",
        ),
    )
    .action(async (options) => (await import("./commands/conformance.ts")).conformanceCommand(context, options));
}
