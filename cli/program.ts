import { Command, Option } from "commander";
import { showInvisible } from "../shared/lib/invisible.ts";
import type { Context } from "./context.ts";
import { examples, urlOption, wholeNumber } from "./option-types.ts";
import { sanitizeLine } from "./print/sanitize.ts";
import { addConformanceCommand } from "./program-conformance.ts";
import { addProjectsCommands } from "./program-projects.ts";
import { addRunsCommands } from "./program-runs.ts";

const VERSION = "0.1.0";
const SLOTS_MAX = 256;
const PORT_MAX = 65_535;

const slots = wholeNumber(1, SLOTS_MAX);
const port = wholeNumber(0, PORT_MAX);

const EXIT_CODES = `
Exit codes:
  0  it ran, and every check passed
  1  a check failed (validate: there are problems)
  2  it could not be run: wrong usage, no control plane, a lost job
  130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP

Environment:
  BATON_URL, BATON_TOKEN  the control plane and the token; else the \`baton up\`
                          of this folder or repository, else the config file
                          (~/.config/baton/config.yml)
  NO_COLOR, FORCE_COLOR   no colours, or colours also where the output is no
                          terminal
  BATON_DEBUG=1           stack traces with errors
`;

/** The whole command line. Each command's code is loaded when it runs: help and mistakes cost nothing. */
export function buildProgram(context: Context): Command {
  const program: Command = new Command("baton");
  program
    .description("Serverless CI on AWS-compatible primitives: run a pipeline here, or talk to a control plane.")
    .version(VERSION, "-V, --version")
    .showHelpAfterError("(add --help for what is possible)")
    .configureOutput({
      outputError: (text, write) => write(cleaned(suggestWhole(program, text.replace(/^error: /, "baton: ")))),
    })
    .exitOverride()
    .addHelpText("after", EXIT_CODES);
  addLocalCommands(program, context);
  addRunsCommands(program, context);
  addAccessCommands(program, context);
  addTokensCommands(program, context);
  addProjectsCommands(program, context);
  addConformanceCommand(program, context);
  return program;
}

function addLocalCommands(program: Command, context: Context): void {
  program
    .command("run")
    .argument("[file]", "the pipeline file (default: .baton/ci.yml)")
    .description("Run a pipeline on the working tree as it is, with a stack and a runner of its own.")
    .option("--slots <n>", "jobs at once (default: the number of cores)", slots)
    .option("--secrets-file <file>", "values of the secrets that jobs name, in dotenv format")
    .option("--artifacts <dir>", "download the artifacts there at the end")
    .option("--keep", "keep the temporary folder: state, logs, workspaces")
    .option("--json", "one JSON document at the end on stdout; progress goes to stderr")
    .addHelpText(
      "after",
      examples("baton run", "baton run examples/hello.yml --slots 4", "baton run --artifacts out --json"),
    )
    .action(async (file: string | undefined, options) =>
      (await import("./commands/run.ts")).runCommand(context, file, options),
    );
  program
    .command("up")
    .description("Keep a control plane and a runner on this machine until Ctrl-C.")
    .addOption(new Option("--port <n>", "port of the control plane (default: 4800)").env("BATON_PORT").argParser(port))
    .addOption(new Option("--state <dir>", "state folder (default: .baton/state)").env("BATON_STATE"))
    .addOption(
      new Option("--slots <n>", "jobs at once (default: the number of cores)").env("BATON_SLOTS").argParser(slots),
    )
    .option("--pool <name...>", "the pools of this control plane and its runner (default: default)")
    .addOption(
      new Option("--secrets-file <file>", "values of the secrets that jobs name, in dotenv format").env(
        "BATON_SECRETS_FILE",
      ),
    )
    .option("--no-sandbox", "steps run as this user and see all that it sees, Baton's keys and tokens too")
    .option("--expose <path...>", "what steps see and use in spite of the sandbox, as a Docker socket")
    .option("--no-runner", "the control plane alone")
    .addHelpText(
      "after",
      `\nOptions may also stand in .baton/server.yml, as port, state, slots, pools and\nsecrets_file; the environment is stronger than the file, and the command line\nthan both.\n${examples("baton up", "baton up --port 4900 --slots 8", "baton up --pool default gpu --no-runner")}`,
    )
    .action(async (options) => (await import("./commands/up.ts")).upCommand(context, options));
  program
    .command("runner")
    .description("Run a runner for a control plane elsewhere; its own options follow.")
    .allowUnknownOption()
    .helpOption(false)
    .argument("[options...]", "see `baton runner --help`")
    .action(async (args: string[]) => (await import("./commands/runner.ts")).runnerCommand(args));
  program
    .command("validate")
    .argument("<file...>", "pipeline files")
    .description("Print every problem of pipeline files as file:line:col: message.")
    .option("--json", "the problems as one JSON document")
    .addHelpText("after", examples("baton validate .baton/ci.yml", "baton validate examples/*.yml --json"))
    .action(async (files: string[], options) =>
      (await import("./commands/validate.ts")).validateCommand(context, files, options),
    );
}

function addAccessCommands(program: Command, context: Context): void {
  program
    .command("login")
    .description(
      "Keep a control plane's URL and a token in the config file. The token is read from stdin or asked for.",
    )
    .requiredOption("--url <url>", "the control plane")
    .addHelpText(
      "after",
      examples("baton login --url https://ci.example.com", "baton login --url https://ci.example.com < token"),
    )
    .action(async (options) => (await import("./commands/login.ts")).loginCommand(context, options));
  program
    .command("bootstrap")
    .description(
      "Make the signing key and the first token of a deployment, by AWS credentials that may invoke its function.",
    )
    .requiredOption("--function <name>", "the function `admin` of the deployment: its output AdminFunctionName")
    .option("--url <url>", "the control plane that the token is for: both are kept in the config file")
    .option("--name <name>", "whose the token is", "owner")
    .addOption(
      new Option("--scope <scope...>", "what it may do (default: all)").choices(["read", "run", "runner", "admin"]),
    )
    .option("--pool <pool...>", "the only pools that a runner with it may serve, with --scope runner")
    .option("--region <region>", "the deployment's region (default: as the AWS SDK finds it)")
    .option("--endpoint <url>", "the Lambda endpoint, where it is not AWS itself")
    .option("--json", "the token and its description as JSON")
    .addHelpText(
      "after",
      examples(
        "baton bootstrap --function baton-admin --url https://ci.example.com",
        "baton bootstrap --function baton-admin --scope admin --name ops --json",
        "baton bootstrap --function baton-admin --scope runner --pool gpu --json",
      ),
    )
    .action(async (options) => (await import("./commands/bootstrap.ts")).bootstrapCommand(context, options));
}

function addTokensCommands(program: Command, context: Context): void {
  const tokens = program.command("tokens").description("API tokens of a control plane (scope admin).");
  tokens
    .command("create")
    .description("Make a token; it is printed once, on stdout.")
    .requiredOption("--name <name>", "whose it is")
    .addOption(
      new Option("--scope <scope...>", "what it may do")
        .choices(["read", "run", "runner", "admin"])
        .makeOptionMandatory(),
    )
    .option("--pool <pool...>", "the only pools that a runner with it may serve (default: any but forks)")
    .addOption(urlOption())
    .option("--json", "the token and its description as JSON")
    .addHelpText(
      "after",
      examples(
        "baton tokens create --name laptop --scope read run",
        "baton tokens create --name host-1 --scope runner --pool default > runner-token",
      ),
    )
    .action(async (options) => (await import("./commands/tokens.ts")).createTokenCommand(context, options));
  tokens
    .command("list")
    .description("List the tokens, without their secrets.")
    .addOption(urlOption())
    .option("--json", "as JSON")
    .addHelpText("after", examples("baton tokens list"))
    .action(async (options) => (await import("./commands/tokens.ts")).listTokensCommand(context, options));
  tokens
    .command("revoke")
    .argument("<id>", "the token's id, from `baton tokens list`")
    .description("Revoke a token: it is refused from then on.")
    .addOption(urlOption())
    .option("--json", "the API's own document as JSON")
    .addHelpText("after", examples("baton tokens revoke 01k7x"))
    .action(async (id: string, options) =>
      (await import("./commands/tokens.ts")).revokeTokenCommand(context, id, options),
    );
}

/** A wrong argument is repeated in what is said of it, and may have come from a script. */
/** Commander compares with the first word of a command alone: `logs` is near to `login`, and `runs logs` is meant. */
function suggestWhole(program: Command, text: string): string {
  const wanted = /^baton: unknown command '([a-z-]+)'/.exec(text)?.[1];
  if (wanted === undefined) return text;
  const whole = program.commands.flatMap((group) =>
    group.commands.filter((command) => command.name() === wanted).map(() => `baton ${group.name()} ${wanted}`),
  );
  if (whole.length === 0) return text;
  const [line = ""] = text.split("\n");
  return `${line}\n(Did you mean ${whole.join(", or ")}?)\n`;
}

function cleaned(text: string): string {
  const lines = text.split("\n").map((line) => showInvisible(sanitizeLine(line, false)));
  return lines.join("\n");
}
