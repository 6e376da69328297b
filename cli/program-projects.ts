import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "./context.ts";
import { examples, named, urlOption, wholeNumber } from "./option-types.ts";

const PROJECT = "the project's name";
const APP_ID_MAX = Number.MAX_SAFE_INTEGER;
const appId = wholeNumber(1, APP_ID_MAX);

/** Projects, their secrets, and the audit of a control plane. */
export function addProjectsCommands(program: Command, context: Context): void {
  const projects = program
    .command("projects")
    .description("Repositories whose events start runs (changes: scope admin).");
  addChanging(projects, context);
  addReading(projects, context);
  addSecrets(program.command("secrets").description("Values that jobs get by name (scope admin)."), context);
  connected(program.command("audit"))
    .description("Show what was done with rights on one day: tokens, secrets, projects, sessions (scope admin).")
    .option("--day <yyyy-mm-dd>", "the day, of UTC (default: today)", day)
    .addHelpText("after", examples("baton audit", "baton audit --day 2026-11-20 --json"))
    .action(async (options) => (await import("./commands/audit.ts")).auditCommand(context, options));
}

function addChanging(projects: Command, context: Context): void {
  settings(connected(projects.command("add")))
    .argument("<name>", "what to call it here", named)
    .description("Add a project; prints where its webhook goes, and the webhook's secret, this once.")
    .addHelpText(
      "after",
      examples(
        "baton projects add app --repo owner/app --token-stdin < github-token",
        "baton projects add app --repo owner/app --app-id 1234 --private-key-file app.pem",
        "baton projects add app --repo owner/app --no-credentials --reports off",
      ),
    )
    .action(async (name: string, options) =>
      (await import("./commands/projects-change.ts")).addProjectCommand(context, name, options),
    );
  settings(connected(projects.command("change")))
    .argument("<name>", PROJECT, named)
    .description("Change a project; what is not named stays.")
    .addHelpText(
      "after",
      examples(
        "baton projects change app --forks never",
        "baton projects change app --token-stdin < github-token",
        "baton projects change app --clone-token-stdin < clone-token",
      ),
    )
    .action(async (name: string, options) =>
      (await import("./commands/projects-change.ts")).changeProjectCommand(context, name, options),
    );
  connected(projects.command("rotate-webhook"))
    .argument("<name>", PROJECT, named)
    .description("Make a new webhook secret; the one before holds until it is dropped, or until the next one.")
    .option("--drop-old", "make none: end the one before, now that the forge signs with the new one")
    .addHelpText("after", examples("baton projects rotate-webhook app", "baton projects rotate-webhook app --drop-old"))
    .action(async (name: string, options) =>
      (await import("./commands/projects-change.ts")).rotateWebhookCommand(context, name, options),
    );
  connected(projects.command("rm"))
    .argument("<name>", PROJECT, named)
    .description("Remove a project and its secrets; its runs stay.")
    .addHelpText("after", examples("baton projects rm app"))
    .action(async (name: string, options) =>
      (await import("./commands/projects-change.ts")).removeProjectCommand(context, name, options),
    );
}

function addReading(projects: Command, context: Context): void {
  connected(projects.command("list"))
    .description("List the projects.")
    .addHelpText("after", examples("baton projects list", "baton projects list --json"))
    .action(async (options) => (await import("./commands/projects-read.ts")).listProjectsCommand(context, options));
  connected(projects.command("show"))
    .argument("<name>", PROJECT, named)
    .description("Show a project, without its credentials.")
    .addHelpText("after", examples("baton projects show app"))
    .action(async (name: string, options) =>
      (await import("./commands/projects-read.ts")).showProjectCommand(context, name, options),
    );
  connected(projects.command("delivery"))
    .argument("<name>", PROJECT, named)
    .argument("<id>", "the delivery's id, as the forge shows it among the webhook's deliveries", named)
    .description("Show what a webhook's delivery started, and why a pipeline did not start. Kept for 7 days.")
    .addHelpText("after", examples("baton projects delivery app 72d3162e-cc78-11e3-81ab-4c9367dc0958"))
    .action(async (name: string, id: string, options) =>
      (await import("./commands/projects-read.ts")).showDeliveryCommand(context, name, id, options),
    );
}

function settings(command: Command): Command {
  return command
    .option("--repo <owner/name>", "the repository on GitHub")
    .option("--api-url <url>", "the forge's API (default: https://api.github.com)")
    .option("--clone-url <url>", "what runners clone from (default: the repository's own)")
    .addOption(new Option("--token-stdin", "call the forge's API with the token on stdin").conflicts(["appId"]))
    .addOption(
      new Option(
        "--clone-token-stdin",
        "let runners clone over https with the token on stdin, its second line beside --token-stdin; it should read this repository and no more",
      ).conflicts(["appId"]),
    )
    .addOption(new Option("--no-clone-token", "take that token away").conflicts(["cloneTokenStdin"]))
    .addOption(new Option("--app-id <n>", "call the forge's API as this GitHub App").argParser(appId))
    .option("--private-key-file <file>", "the App's private key, a PEM file")
    .addOption(new Option("--installation-id <n>", "the App's installation (default: found)").argParser(appId))
    .addOption(new Option("--no-credentials", "never authenticate").conflicts(["tokenStdin", "appId"]))
    .addOption(
      new Option("--forks <mode>", "pull requests of forks: wait for an approval, run at once, or never").choices([
        "approve",
        "run",
        "never",
      ]),
    )
    .option("--forks-pool <name>", "the pool for them (default: forks)")
    .addOption(
      new Option("--reports <mode>", "check runs (with an App), commit statuses (with a token), or none").choices([
        "checks",
        "statuses",
        "off",
      ]),
    )
    .option("--comment", "one comment on each pull request")
    .option("--no-comment", "none");
}

function addSecrets(secrets: Command, context: Context): void {
  connected(secrets.command("set"))
    .argument("<project>", PROJECT, named)
    .argument("<name>", "the secret's name; jobs get it as a variable of this name", named)
    // Whoever gives the value as an argument must not see it repeated by the mistake's message.
    .allowExcessArguments()
    .description("Keep a secret. The value is asked for without echo, or read from stdin.")
    .option("--branch <pattern>", "only for runs on branches that match; the narrowest pattern wins")
    .option("--value-stdin", "read the value from stdin, also where that is a terminal")
    .addHelpText(
      "after",
      examples(
        "baton secrets set app DEPLOY_TOKEN",
        "baton secrets set app DEPLOY_TOKEN --branch main --value-stdin < token",
      ),
    )
    .action(async (project: string, name: string, options, { args }: Command) => {
      const { setSecretCommand } = await import("./commands/secrets.ts");
      await setSecretCommand(context, { project, name, excess: args.length - 2 }, options);
    });
  connected(secrets.command("list"))
    .argument("<project>", PROJECT, named)
    .description("List names and branch patterns; values are never shown.")
    .addHelpText("after", examples("baton secrets list app"))
    .action(async (project: string, options) =>
      (await import("./commands/secrets.ts")).listSecretsCommand(context, project, options),
    );
  connected(secrets.command("rm"))
    .argument("<project>", PROJECT, named)
    .argument("<name>", "the secret's name", named)
    .description("Remove a secret.")
    .option("--branch <pattern>", "the one with this pattern")
    .addHelpText("after", examples("baton secrets rm app DEPLOY_TOKEN --branch main"))
    .action(async (project: string, name: string, options) =>
      (await import("./commands/secrets.ts")).removeSecretCommand(context, project, name, options),
    );
}

function connected(command: Command): Command {
  return command.addOption(urlOption()).option("--json", "the API's own document as JSON");
}

function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new InvalidArgumentError("It must be written yyyy-mm-dd.");
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, text.length) !== text)
    throw new InvalidArgumentError("There is no such day.");
  return text;
}
