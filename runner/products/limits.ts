/** Bounds of what one attempt may hold, in memory and on disk, while it makes its products. Units last. */

const KIB = 1_024;
const MIB = 1_024 * KIB;

/** Masking. A shorter value would mask ordinary words; it is warned about instead. */
export const SECRET_BYTES_MIN = 4;
/** All values of one job together, and all forms in which they are looked for: some 30 bytes of memory for each of a form. */
export const SECRETS_BYTES_MAX = 64 * KIB;
export const SECRET_FORMS_BYTES_MAX = 2 * MIB;

/** Log chunks, in bytes of masked output before gzip. The first is also the largest log that is one object. */
export const CHUNK_BYTES_FIRST = 512 * KIB;
export const CHUNK_BYTES_MAX = 4 * MIB;
/** A chunk is this part of the log so far, within the two bounds: few objects for a long log, early ones for a short. */
export const CHUNK_LOG_PART = 8;
/** Chunks that are compressed at the same time; further output waits (backpressure). */
export const CHUNKS_IN_FLIGHT_MAX = 2;
/** Measured on build output, one core: level 1 is three times as fast as 6 and 15 % larger. */
export const LOG_GZIP_LEVEL = 1;

/** A follower sees output this long after its first byte, and then twice a second. */
export const FLUSH_WATCHED_FIRST_MS = 150;
export const FLUSH_WATCHED_MS = 500;
export const FLUSH_MS = 30_000;
/** Beyond this many chunks a watched log is flushed more slowly, so that a day of output keeps below LOG_CHUNKS_MAX. */
export const FLUSH_SLOWER_AT = [
  { chunks: 10_000, everyMs: 5_000 },
  { chunks: 15_000, everyMs: 30_000 },
] as const;

/** Chunks that wait for their upload: the first few in memory (they need no disk at all), the rest in files. */
export const SPOOL_MEMORY_BYTES_MAX = 4 * MIB;
export const SPOOL_BYTES_MAX = 512 * MIB;
/** One question for links names so many chunks. */
export const UPLOAD_BATCH_MAX = 8;
/** Refusals of one chunk with fresh links, after which it is a gap. Network trouble does not count. */
export const REFUSALS_MAX = 3;
export const RETRY_FIRST_MS = 100;
export const RETRY_MAX_MS = 5_000;
/** From the call of seal to the seal: what is not uploaded by then is lost. */
export const SEAL_MS = 30_000;

/** Artifacts. */
export const ARTIFACT_GZIP_LEVEL = 3;
/** What is packed at once, and held in memory: a large file's pieces, or small files together. */
export const PACK_PIECE_BYTES = 4 * MIB;
/** The first piece of a large file: it tells whether the file can be packed at all. */
export const PACK_PROBE_BYTES = 256 * KIB;
/** A file up to this size is read whole before it is packed. */
export const PACK_SMALL_BYTES_MAX = MIB;
/** A path in the workspace. Linux takes 4,096 bytes at once, and it must fit below any other folder, too. */
export const ARTIFACT_PATH_BYTES_MAX = 3_072;
/** What was matched and is not kept is told by name up to so many, and then by its number. */
export const MISSED_SHOWN_MAX = 100;

/** Source. */
export const CHECKOUT_MS = 10 * 60_000;
/** What is kept of git's words for an error message. */
export const GIT_OUTPUT_BYTES_MAX = 64 * KIB;
export const GIT_LINES_IN_ERROR = 5;

/** Packs of a local repository up to which a workspace gets its history: above, a copy would take seconds of each job. */
export const HISTORY_BYTES_MAX = 128 * 1_024 * 1_024;
