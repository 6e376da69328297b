import { CHUNKS_IN_FLIGHT_MAX } from "./limits.ts";

const BLOCK_BYTES_FIRST = 32 * 1_024;

/** The bytes of the chunk in the making, copied out of the reader's buffers so that small reads do not pin large ones. */
export interface Block {
  /** Copies as much of `data` from `from` as fits below `target`; returns how much that was. */
  fill(data: Buffer, from: number, target: number): number;
  readonly length: number;
  /** Takes the bytes out. Give the buffer back when they are compressed: a few are used over and over. */
  take(): Buffer;
  giveBack(bytes: Buffer): void;
}

/** Grows by doubling up to the target, so that a short log costs little memory. */
export function makeBlock(): Block {
  const free: ArrayBufferLike[] = [];
  let buffer: Buffer = Buffer.alloc(0);
  let length = 0;

  const grow = (needed: number, target: number): void => {
    const reusable = free.findIndex((space) => space.byteLength >= needed);
    const space = reusable < 0 ? undefined : free.splice(reusable, 1)[0];
    const bytes = Math.min(target, Math.max(needed, buffer.length * 2, BLOCK_BYTES_FIRST));
    const larger = space === undefined ? Buffer.from(new ArrayBuffer(bytes)) : Buffer.from(space);
    buffer.copy(larger, 0, 0, length);
    buffer = larger;
  };

  return {
    fill(data, from, target) {
      const count = Math.min(data.length - from, target - length);
      if (count <= 0) return 0;
      if (length + count > buffer.length) grow(length + count, target);
      data.copy(buffer, length, from, from + count);
      length += count;
      return count;
    },
    get length() {
      return length;
    },
    take() {
      const bytes = buffer.subarray(0, length);
      buffer = Buffer.alloc(0);
      length = 0;
      return bytes;
    },
    giveBack(bytes) {
      if (free.length <= CHUNKS_IN_FLIGHT_MAX) free.push(bytes.buffer);
    },
  };
}
