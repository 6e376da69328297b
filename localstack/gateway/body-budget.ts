/** Pieces that are joined: one of a single byte takes a hundred times its size. */
const SMALL_PIECES_MAX = 1_024;

/** A body as it comes, in pieces of any size, which hold little more memory than their bytes. */
export function makeBodyParts(): { add(piece: Buffer): void; joined(): Buffer } {
  const parts: Buffer[] = [];
  let small: Buffer[] = [];
  const settle = () => {
    if (small.length > 0) parts.push(Buffer.concat(small));
    small = [];
  };
  return {
    add(piece) {
      small.push(piece);
      if (small.length >= SMALL_PIECES_MAX) settle();
    },
    joined() {
      settle();
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
  };
}

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
