import { deployLocal } from "./deploy-local.ts";
import { environmentOf } from "./environment.ts";
import { type DeployLocalOptions, parseOptions, USAGE } from "./options.ts";

/** `npm run deploy:local`. */
async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options === undefined) return WRONG_USAGE_EXIT;
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const leave = new AbortController();
  // One Ctrl-C takes everything down in order; a second one is for whom that takes too long.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => leave.abort(new Error(signal)));
  return deployLocal(options, environmentOf(process.env), leave.signal);
}

const WRONG_USAGE_EXIT = 2;

function readOptions(argv: readonly string[]): DeployLocalOptions | undefined {
  try {
    return parseOptions(argv);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return undefined;
  }
}

process.exitCode = await main(process.argv.slice(2));
