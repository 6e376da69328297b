import { homedir } from "node:os";

/** Where nothing is, and nothing can be made. */
const NOWHERE = "/nonexistent";

/** The user's home; a user of a container may have neither HOME nor an entry in passwd: then a path where nothing is. */
export function homeFolder(): string {
  try {
    return homedir() || NOWHERE;
  } catch {
    return NOWHERE; // what Node says is that passwd has no such user
  }
}
