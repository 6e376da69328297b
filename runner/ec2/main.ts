import { useBundledPackages } from "../../shared/lib/bundled-packages.ts";
import { keepLogging } from "../../shared/lib/steady-output.ts";

/** The host's service on EC2: `node runner/ec2/main.ts --socket … --notice-file … --busy-file …`. */

// First, so that all that is imported below finds the bundles.
keepLogging();
useBundledPackages(process.env);
const { hostMain } = await import("./host-service.ts");

process.exit(await hostMain(process.argv.slice(2), process.env));
