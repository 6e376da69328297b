/** What was thrown, in words: an error's message, or the text of anything else. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
