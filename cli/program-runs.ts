import { type Command, Option } from "commander";
import type { Context } from "./context.ts";
import { examples, urlOption, wholeNumber } from "./option-types.ts";

const LIMIT_MAX = 100;
const RUN = "the run's id, or `latest`";

/** The commands that read and change runs of a control plane. */
export function addRunsCommands(program: Command, context: Context): void {
  const runs = program.command("runs").description("Create, read and change the runs of a control plane.");
  addChanging(runs, context);
  addReading(runs, context);
  addProducts(runs, context);
  addStatus(program, context);
  connected(program.command("explain"), "sentences as JSON")
    .argument("<run>", RUN)
    .argument("[job]", "one job of it")
    .description("Say why a run or a job stands where it does: queued, skipped, retried, lost, failed, canceled.")
    .addHelpText("after", examples("baton explain latest", "baton explain latest test"))
    .action(async (run: string, job: string | undefined, options) =>
      (await import("./commands/explain.ts")).explainCommand(context, run, job, options),
    );
}

/** How the control plane itself is. */
function addStatus(program: Command, context: Context): void {
  connected(program.command("status"))
    .description("Queues, runners, active work, the longest wait, the last sweep, dead letters, and the cost so far.")
    .option("--watch", "again every 5 seconds, until Ctrl-C; with --json a document a line")
    .addHelpText("after", examples("baton status", "baton status --watch", "baton status --json"))
    .action(async (options) => (await import("./commands/status.ts")).statusCommand(context, options));
}

function addChanging(runs: Command, context: Context): void {
  connected(runs.command("create"))
    .argument("[file]", "the pipeline file (default: .baton/ci.yml of the source)")
    .description("Create a run of a commit.")
    .option("--source <path|url>", "git repository (default: this one)")
    .option("--sha <sha>", "the commit (default: HEAD of a local source)")
    .option("--branch <name>", "the run's branch (default: the current one, where the commit is its head)")
    .option("--project <name>", "the project that it belongs to", "default")
    .option("--follow", "stream the output and end with the verdict's exit code")
    .option("--allow-dirty", "run HEAD although the working tree differs from it")
    .addHelpText(
      "after",
      examples(
        "baton runs create --follow",
        "baton runs create .baton/nightly.yml",
        "baton runs create --source https://example.com/r.git --sha 0123…",
      ),
    )
    .action(async (file: string | undefined, options) =>
      (await import("./commands/runs-create.ts")).createRunCommand(context, file, options),
    );
  connected(runs.command("cancel"))
    .argument("<run>", RUN)
    .description("Cancel a run.")
    .option("--reason <text>", "kept in the history")
    .addHelpText("after", examples("baton runs cancel latest --reason 'wrong branch'"))
    .action(async (run: string, options) =>
      (await import("./commands/runs-change.ts")).cancelRunCommand(context, run, options),
    );
  connected(runs.command("approve"))
    .argument("<run>", RUN)
    .description("Let the run of a fork's pull request start. Read its commit first: that is what you answer for.")
    .option(
      "--sha <sha>",
      "the commit that you have read; refused where the run is of another (default: the run's own)",
    )
    .addHelpText("after", examples("baton runs approve run_01…", "baton runs approve latest --sha 0123…"))
    .action(async (run: string, options) =>
      (await import("./commands/runs-approve.ts")).approveRunCommand(context, run, options),
    );
  connected(runs.command("rerun"))
    .argument("<run>", RUN)
    .description("Make a new run of the same plan.")
    .option("--failed", "only what did not succeed, and what needs it")
    .option("--follow", "stream the output and end with the verdict's exit code")
    .addHelpText("after", examples("baton runs rerun latest", "baton runs rerun latest --failed --follow"))
    .action(async (run: string, options) =>
      (await import("./commands/runs-change.ts")).rerunCommand(context, run, options),
    );
}

function addReading(runs: Command, context: Context): void {
  connected(runs.command("list"))
    .description("List a project's runs, newest first.")
    .option("--project <name>", "the project", "default")
    .option("--limit <n>", "how many", wholeNumber(1, LIMIT_MAX), 20)
    .option("--cursor <cursor>", "where the page before ended")
    .addHelpText("after", examples("baton runs list", "baton runs list --limit 100 --json"))
    .action(async (options) => (await import("./commands/runs-read.ts")).listRunsCommand(context, options));
  connected(runs.command("show"))
    .argument("<run>", RUN)
    .description("Show a run with its jobs and checks.")
    .addHelpText("after", examples("baton runs show latest", "baton runs show latest --json"))
    .action(async (run: string, options) =>
      (await import("./commands/runs-read.ts")).showRunCommand(context, run, options),
    );
}

function addProducts(runs: Command, context: Context): void {
  connected(runs.command("logs"))
    .argument("<run>", RUN)
    .argument("[job]", "one job; its output is then printed as it is")
    .description("Print the output of a run's jobs, verified by its digests.")
    .option("-f, --follow", "go on until the end")
    .option("--attempt <n>", "the nth attempt, from 1 (default: the last)", wholeNumber(1, 1_000))
    .addHelpText(
      "after",
      examples("baton runs logs latest", "baton runs logs latest test --attempt 1", "baton runs logs latest -f"),
    )
    .action(async (run: string, job: string | undefined, options) =>
      (await import("./commands/runs-logs.ts")).logsCommand(context, run, job, options),
    );
  connected(runs.command("artifacts"))
    .argument("<run>", RUN)
    .description("List a run's artifacts, or download and unpack them.")
    .addOption(new Option("--job <job>", "of one job"))
    .option("--download <dir>", "unpack each job's artifacts in a folder of its name in there")
    .addHelpText(
      "after",
      examples("baton runs artifacts latest", "baton runs artifacts latest --job build --download out"),
    )
    .action(async (run: string, options) =>
      (await import("./commands/runs-artifacts.ts")).artifactsCommand(context, run, options),
    );
}

function connected(command: Command, json = "the API's own document as JSON"): Command {
  return command.addOption(urlOption()).option("--json", json);
}
