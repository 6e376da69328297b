import { z } from "zod";

/**
 * How each forge lets repositories be called: the one place that knows their alphabets. What passes is safe as a piece of a URL's
 * path: no piece is `.` or `..`, and none holds a slash, a space, or what a URL would take apart.
 */

/**
 * GitHub's `owner/name`. Owners have letters, digits and `-`, managed users of an enterprise `_` as well (`octocat_acme`), and old accounts
 * may begin or end with `-`. Names may begin with any of their characters: `.github`, `-x`, `_`.
 * @see https://docs.github.com/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
 */
export const githubRepository = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,39}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
    "a repository of GitHub is written owner/name: an owner of 1 to 39 letters, digits, - and _; a name of 1 to 100 letters, digits, ., - and _",
  );
