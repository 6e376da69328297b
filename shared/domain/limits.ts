/** Every bound of the system, named. Units last. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const KIB = 1_024;
const MIB = 1_024 * KIB;

/** Leases (DESIGN section 5). */
export const LEASE_TTL_MS = 45 * SECOND_MS;
export const HEARTBEAT_MS = 15 * SECOND_MS;
/** The watchdog's deadline is this much earlier than the server's: room for clock rates and for killing. */
export const SELF_FENCE_MARGIN_MS = 10 * SECOND_MS;
/** What a stopped attempt may take, SIGTERM to the holder's word, before its lease can only expire. */
export const STOP_GRACE_MS = 30 * SECOND_MS;
/** Between SIGTERM and SIGKILL of a step. */
export const KILL_GRACE_MS = 10 * SECOND_MS;
/** How long a grant outlives the job's own timeout, for uploads and the last words. */
export const LEASE_OVERTIME_MS = 2 * MINUTE_MS;

/** Jobs. */
export const JOB_TIMEOUT_DEFAULT_MS = HOUR_MS;
export const JOB_TIMEOUT_MAX_MS = 24 * HOUR_MS;
export const STEP_TIMEOUT_MAX_MS = 24 * HOUR_MS;
export const QUEUE_TIMEOUT_MS = 6 * HOUR_MS;
export const RETRIES_MAX = 10;
export const RETRIES_FAILED_DEFAULT = 0;
export const RETRIES_LOST_DEFAULT = 3;

/** Plans. */
export const JOBS_MAX = 1_000;
export const NEEDS_MAX = 64;
export const STEPS_MAX = 100;
export const CHECKS_PER_JOB_MAX = 8;
export const ENV_ENTRIES_MAX = 256;
export const NAME_LENGTH_MAX = 128;
export const ARTIFACT_PATTERNS_MAX = 64;
/** `*` in one part of a glob, and `**` in all of it: with four, one name of 255 characters takes a second. */
export const WILDCARDS_PER_PART_MAX = 3;
export const DEFINITION_BYTES_MAX = 512 * KIB;
export const SCRIPT_BYTES_MAX = 64 * KIB;
export const CHECKS_PER_PIPELINE_MAX = 256;
export const SECRETS_PER_JOB_MAX = 64;
/** One value; Linux itself refuses an argument or variable over 128 KiB. */
export const ENV_VALUE_BYTES_MAX = 32 * KIB;
/** All that a job's environment holds, the pipeline's part included. */
export const ENV_BYTES_MAX = 128 * KIB;
export const PATH_LENGTH_MAX = 1_024;
/** One job's spec and a whole plan, as JSON: scripts that aliases repeat count each time. */
export const SPEC_BYTES_MAX = MIB;
export const PLAN_BYTES_MAX = 8 * MIB;
/** A cold spec larger than this is kept in the bucket, its digest in the table. */
export const SPEC_INLINE_BYTES_MAX = 100 * KIB;
/** Nodes that hang on one join, or on the run itself. */
export const JOIN_WIDTH_MAX = 64;
/** Dependents that a job item names; a wider fan-out is left to reconcile. */
export const DEPENDENTS_INLINE_MAX = 64;

/** Pipeline files: what one may cost to read. */
export const FILE_DEPTH_MAX = 32;
/** Values of a file, and the characters in them, once its aliases are expanded. */
export const FILE_VALUES_MAX = 100_000;
export const FILE_EXPANDED_LENGTH_MAX = 8 * MIB;
/** Lexical tokens of a file: what reading YAML costs, about two microseconds each. A file of 512 KiB usually has a third of it. */
export const FILE_TOKENS_MAX = 400_000;
/** The same of all pipelines of one commit: a few seconds of work. */
export const COMMIT_TOKENS_MAX = 2_000_000;
/** A shorter text without anchors is read at once, in tens of milliseconds; a longer one by a thread of its own. */
export const READ_HERE_LENGTH_MAX = 8 * KIB;
/** For one text, in that thread: ten times what the limits above let it take. */
export const READ_MAX_MS = 30 * SECOND_MS;
export const READS_WAITING_MAX = 64;
/** Errors of syntax after which the rest of a file is not read. */
export const SYNTAX_ERRORS_MAX = 1_000;
/** Problems that are shown of one file. */
export const PROBLEMS_MAX = 200;
export const TRIGGER_PATTERNS_MAX = 64;
export const TRIGGER_PATTERN_LENGTH_MAX = 256;
/** Steps of one glob: a character or a wildcard is one or two, and each value of a range has its own. */
export const GLOB_SIZE_MAX = 1_000;
/** Of one filter, its size times the length of all changed paths: ten globs and a thousand paths are a third of it, as a rule. */
export const FILTER_WORK_MAX = 50_000_000;
export const SCHEDULES_MAX = 16;
/** Changed files that a trigger carries; with more, the forge is asked. */
export const TRIGGER_PATHS_MAX = 1_000;

/** Projects. One item holds all names. */
export const PROJECTS_MAX = 1_000;

/** Nothing missed: how sweep compares a project with its forge, and fires schedules. */
export const SWEEP_PROJECT_MS = 5 * MINUTE_MS;
/** However often the forge says that nothing changed: whole lists are compared this often. */
export const SWEEP_WHOLE_MS = HOUR_MS;
/** After a failure, doubling up to the second. */
export const SWEEP_BACKOFF_MS = MINUTE_MS;
export const SWEEP_BACKOFF_MAX_MS = 30 * MINUTE_MS;
/** With less than this left of its time, sweep begins nothing more: what is left is due again at once. */
export const SWEEP_RESERVE_MS = 12 * SECOND_MS;
export const SWEEP_PROJECTS_MAX = 200;
export const SWEEP_SCHEDULES_MAX = 200;
/** How long a branch that was deleted is remembered. */
export const HEAD_GONE_MS = DAY_MS;
/**
 * New tags of one look that are started. More of them were brought from elsewhere: they are remembered alone. A forge
 * tells of no such push either.
 */
export const SWEEP_TAGS_MAX = 1_000;
/** In how many items a repository's tags are remembered, and how many of them in one: it has room for 400 KB. */
export const TAG_SHARES = 16;
export const TAGS_PER_SHARE_MAX = 20_000;
/** Tags that are gone are remembered, too, until there are more of them in an item than this, and than others. */
export const TAGS_GONE_PER_SHARE_MAX = 1_000;
export const SCHEDULES_PER_PROJECT_MAX = 256;
/** Missed due times are counted up to here. */
export const SKIPPED_COUNT_MAX = 10_000;
export const SECRETS_PER_PROJECT_MAX = 200;
/** What a standard parameter of SSM holds. */
export const SECRET_VALUE_BYTES_MAX = 4 * KIB;
export const BRANCH_PATTERN_LENGTH_MAX = 100;

/** The audit: entries expire, a day is read page by page. */
export const AUDIT_MS = 400 * DAY_MS;
export const PAGE_AUDIT_MAX = 200;

/** The changed files of a trigger together, in characters: its delivery's item has room for 400 KB. */
export const TRIGGER_PATHS_LENGTH_MAX = 100_000;
/** One of them. */
export const TRIGGER_PATH_LENGTH_MAX = 4_096;
/** Pipelines of one commit that a trigger may start. */
export const DEFINITIONS_MAX = 64;

/** Webhooks. */
/** As GitHub has it. Lambda itself takes 6 MB: what is larger is lost there, and found by sweep. */
export const WEBHOOK_BODY_BYTES_MAX = 25 * MIB;
/** Bodies of webhooks that the embedded gateway holds at once: one of the largest, or hundreds as they usually are. */
export const OPEN_BODIES_BYTES_MAX = 30 * MIB;
/** The same of all other requests whose token is none of a session or a lease. */
export const UNPROVEN_BODIES_BYTES_MAX = 32 * MIB;
/** Such requests, and webhooks, that the embedded stack works at together: a flood of them delays a heartbeat by their time alone. */
export const UNPROVEN_REQUESTS_MAX = 32;
/** And those that wait for their turn meanwhile. */
export const UNPROVEN_REQUESTS_WAITING_MAX = 1_000;
/** A runner's token counts as one for so long after its end: for the room that its requests have, and for nothing else. */
export const RUNNERS_TOKEN_PAST_MS = HOUR_MS;
/** A delivery's id is known for this long; an older event starts nothing, under whatever id. */
export const DELIVERY_MS = 7 * DAY_MS;
/** How long a delivery waits for a forge that does not answer, or refuses what may be mended. */
export const DELIVERY_GIVE_UP_MS = 6 * HOUR_MS;
/** The same of a tag: nothing but its delivery tells of one that a first sight has seen. */
export const TAG_GIVE_UP_MS = 6 * DAY_MS;
/** Tries to decide one delivery, however often it comes again. */
export const DELIVERY_TRIES_MAX = 1_000;
/** What a forge does not show at a commit is asked for again after this, before it counts as absent: its replicas lag. */
export const ABSENT_AGAIN_MS = 30 * SECOND_MS;
/** Between two tries to decide a delivery: doubled each time, from the first to the second. */
export const DELIVERY_RETRY_MIN_MS = 15 * SECOND_MS;
export const DELIVERY_RETRY_MAX_MS = 15 * MINUTE_MS;
export const SWEEP_DELIVERIES_MAX = 200;
/** How long webhook secrets are remembered in a process; a signature that does not hold looks again. */
export const WEBHOOK_SECRET_CACHE_MS = MINUTE_MS;

/** Runs. */
/** How long a run may wait for its approval. */
export const APPROVAL_TIMEOUT_MS = 7 * DAY_MS;
export const RUN_TIMEOUT_MS = 24 * HOUR_MS;
export const PLAN_TIMEOUT_MS = 5 * MINUTE_MS;
export const RETENTION_MS = 90 * DAY_MS;
export const IDEMPOTENCY_MS = 7 * DAY_MS;
export const IDEMPOTENCY_KEY_LENGTH_MAX = 128;

/** Ticks and offers (DESIGN section 4). */
export const TICK_MIN_MS = 2 * SECOND_MS;
export const TICK_MAX_MS = 30 * SECOND_MS;
export const OFFER_COPIES_MAX = 5;
export const SWEEP_LAG_MS = MINUTE_MS;
export const DUE_SHARDS = 4;
/** Ages of a queued job at which it is offered again; then every last one more. */
export const REOFFER_AGES_MS = [15, 45, 120, 300, 600].map((seconds) => seconds * SECOND_MS);
/** From this age on a job is offered again whatever the depth of its queue says. */
export const REOFFER_ALWAYS_AGE_MS = 120 * SECOND_MS;
/** Follow-up writes of one handler; the rest is left to an immediate tick. */
export const FOLLOW_UPS_MAX = 64;
export const RECONCILE_WRITES_MAX = 512;
export const SWEEP_RUNS_MAX = 1_000;

/** HTTP and products. */
/** Every request is answered within this: less than an HTTP function may run, and than clients wait (10 s). */
export const HTTP_ANSWER_MS = 8 * SECOND_MS;
export const BODY_BYTES_MAX = MIB;
export const LOG_CHUNK_BYTES_MAX = 8 * MIB;
export const LOG_CHUNKS_MAX = 20_000;
export const LOG_BYTES_MAX = 4 * 1_024 * MIB;
export const LOG_INDEX_INLINE_MAX = 4;
/** As JSON, with as many chunks and gaps as a log may have. */
export const LOG_INDEX_BYTES_MAX = 8 * MIB;
export const LOG_PAGE_CHUNKS = 100;
export const ARTIFACT_BYTES_MAX = 5 * 1_024 * MIB;
/** What an archive may unpack to; a higher ratio is a bomb, where it is large enough to hurt. */
export const ARTIFACT_UNPACKED_BYTES_MAX = 4 * ARTIFACT_BYTES_MAX;
export const ARTIFACT_ENTRIES_MAX = 200_000;
export const ARTIFACT_RATIO_MAX = 500;
export const ARTIFACT_RATIO_FROM_BYTES = 256 * MIB;
export const ARTIFACTS_PER_ATTEMPT_MAX = 16;
export const CHECK_RESULTS_MAX = 32;
/** A last word as JSON. The job's item keeps one for each attempt that was not lost, and DynamoDB takes 400 KB an item. */
export const COMPLETION_BYTES_MAX = 10 * KIB;
/** Why a run ended as it did, in characters: its item keeps it. */
export const REASON_LENGTH_MAX = 2_000;
/** Lines of what an attempt could not upload, and the length of each. */
export const LOSSES_MAX = 16;
export const LOSS_LENGTH_MAX = 500;
export const UPLOADS_PER_CALL_MAX = 32;
export const UPLOAD_URL_MS = 15 * MINUTE_MS;
export const DOWNLOAD_URL_MS = 15 * MINUTE_MS;
export const WATCH_MS = MINUTE_MS;
export const PAGE_RUNS_MAX = 100;
/** Jobs of one answer: with 64 needs and a few attempts each they stay far below the 6 MB that a Lambda may answer. */
export const PAGE_JOBS_MAX = 250;

/** Text from outside in what we say: in UTF-16 units. What is over is cut, and counted. */
/** One message of a reply, of an error, or of a command. */
export const MESSAGE_LENGTH_MAX = 4_000;
/** One problem of a pipeline file. */
export const PROBLEM_LENGTH_MAX = 600;
/** Mistakes of one request that are told. */
export const ISSUES_MAX = 20;
/** Data of a reply or of a line of the log: one text, members of one list or object, and levels. */
export const DATA_TEXT_LENGTH_MAX = 4_000;
export const DATA_MEMBERS_MAX = 256;
export const DATA_DEPTH_MAX = 6;

/** Files that people write, in bytes: read whole. */
export const SECRETS_FILE_BYTES_MAX = MIB;
export const TOKEN_FILE_BYTES_MAX = 64 * KIB;
export const CONFIG_BYTES_MAX = 64 * KIB;

/** Sessions and tokens. */
/** Also how long a session may outlive its API token: revoking that takes effect at the next renewal. */
export const SESSION_MS = 15 * MINUTE_MS;
/** How old a host's proof may be, and how far ahead its clock: a fresh one is made for each session. */
export const HOST_PROOF_MS = MINUTE_MS;
export const TOKEN_CACHE_MS = 5 * SECOND_MS;
export const POOLS_PER_SESSION_MAX = 16;
/** Offers, or receipts, of one call of a runner that polls through the API: SQS's own limit. */
export const OFFERS_PER_CALL_MAX = 10;
/** Such a call waits at most so long for an offer: well below the function's timeout, and paid by the second. */
export const OFFER_WAIT_SECONDS_MAX = 5;
/** Above SQS's receipt handles, which are opaque. */
export const RECEIPT_LENGTH_MAX = 2_048;

/** Pages of 100 heads that a forge is asked for: branches, open pull requests, and tags where a list of them has pages. */
export const FORGE_HEAD_PAGES_MAX = 20;
/** However long a forge asks to be left alone: its limits are by the hour. */
export const FORGE_WAIT_MAX_MS = 2 * HOUR_MS;

/** Active runs that one status looks at, and runners: each run is a query. */
export const STATUS_RUNS_MAX = 100;
export const STATUS_RUNNERS_MAX = 500;

/** Checks of a run that a forge shows one by one; where there are more, it shows one status for all. */
export const REPORT_CHECKS_MAX = 50;
/** While a run goes on: how long after the last report sweep looks again, should every hint be lost. */
export const REPORT_LOOK_MS = 5 * MINUTE_MS;
/** A sender that is not done after this is taken for dead. Longer than its function may run, and than its calls can take. */
export const REPORT_SENDER_MS = MINUTE_MS;
/** A commit that was told of may be unknown to a forge's replicas for so long; what is not found after it is not there. */
export const FORGE_LAG_MS = 10 * MINUTE_MS;
/** After this a sender begins nothing new. */
export const REPORT_SENDING_MS = 15 * SECOND_MS;
/** Failures in a row, after which a report is given up: about a day and a half of them. */
export const REPORT_TRIES_MAX = 288;
export const REPORT_BACKOFF_MS = 5 * SECOND_MS;
export const REPORT_BACKOFF_MAX_MS = 15 * MINUTE_MS;
/** Runs that may answer under one name at one commit: branches, pull requests, schedules. */
export const STATUS_LANES_MAX = 100;
/** Of 1,000 commit statuses that GitHub keeps of one name at one commit: after these, only a result that differs is sent. */
export const STATUS_DETAILED_MAX = 100;
/** Outboxes that one sweep wakes. */
export const SWEEP_REPORTS_MAX = 500;
/** Pipelines in a pull request's comment. */
export const COMMENT_PIPELINES_MAX = 20;
