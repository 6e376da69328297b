/** The forms of ids and names, wherever they come in. A run id is a ULID, lower case (https://github.com/ulid/spec). */

export const RUN_ID_PATTERN = /^run_[0-9a-hjkmnp-tv-z]{26}$/;
export const JOB_ID_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;
/** Names of variables and of secrets. */
export const ENV_NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;
