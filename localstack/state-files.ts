/** Names in the state folder that its owner's programs read. */
export const STACK_FILE = "stack.json";
export const TOKEN_FILE = "token";
