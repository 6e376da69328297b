import { resolve } from "node:path";
import { packRunner } from "./pack-runner.ts";

/** `npm run pack:runner [FOLDER]`: the runner for other hosts, by default in dist/. */
const { folder, archive, bytes, sha256 } = await packRunner(resolve(process.argv[2] ?? "dist"));
process.stdout.write(`${folder}\n${archive}: ${bytes} bytes, sha256 ${sha256}\n`);
