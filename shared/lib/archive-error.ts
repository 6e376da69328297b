/** An archive that is refused: damaged, hostile, or not for this place. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}
