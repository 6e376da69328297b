/** A failure of what the job stands on, not of the job's own commands: class `tooling`. The message is for its author. */
export class ToolingError extends Error {
  override readonly name = "ToolingError";
}
