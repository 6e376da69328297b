import { deployLocal } from "./deploy-local.ts";
import { environmentOf } from "./environment.ts";
import { parseOptions, USAGE } from "./options.ts";

/** `npm run deploy:local`. */
const options = parseOptions(process.argv.slice(2));
if (options.help) process.stdout.write(USAGE);
else {
  const leave = new AbortController();
  // One Ctrl-C takes everything down in order; a second one is for whom that takes too long.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => leave.abort(new Error(signal)));
  process.exitCode = await deployLocal(options, environmentOf(process.env), leave.signal);
}
