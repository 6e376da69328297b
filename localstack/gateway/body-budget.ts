/** What the bodies of requests may hold of memory together, before it is known who sends them. */
export interface BodyBudget {
  /** A request's share: it grows as its body comes, and is given back when the request has been answered. */
  open(): BodyShare;
}

export interface BodyShare {
  /** False where there is no room for these bytes: the request is refused, and may come again. */
  take(bytes: number): boolean;
  release(): void;
}

export function makeBodyBudget(bytesMax: number): BodyBudget {
  let held = 0;
  return {
    open() {
      let mine = 0;
      return {
        take(bytes) {
          if (held + bytes > bytesMax) return false;
          held += bytes;
          mine += bytes;
          return true;
        },
        release() {
          held -= mine;
          mine = 0;
        },
      };
    },
  };
}

/** For callers who have shown who they are. */
export const NO_BUDGET: BodyBudget = { open: () => ({ take: () => true, release: () => undefined }) };
