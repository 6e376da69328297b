/** What a step is known to have printed, made again from its nonce, without Baton. */
export interface Output {
  readonly bytes: number;
  /** The bytes from an offset; fewer at the end. */
  at(offset: number, length: number): Buffer;
}

/** A unit, again and again, cut at `bytes`. */
export function repeated(unit: Buffer, bytes: number): Output {
  return {
    bytes,
    at(offset, length) {
      const count = Math.max(0, Math.min(length, bytes - offset));
      const first = offset % unit.length;
      const turns = Math.ceil((first + count) / unit.length);
      return Buffer.concat(Array.from({ length: turns }, () => unit)).subarray(first, first + count);
    },
  };
}

/** One after the other. */
export function joined(...parts: readonly Output[]): Output {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return {
    bytes,
    at(offset, length) {
      const found: Buffer[] = [];
      let start = 0;
      for (const part of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + part.bytes);
        if (from < to) found.push(part.at(from - start, to - from));
        start += part.bytes;
      }
      return Buffer.concat(found);
    },
  };
}

export const exactly = (text: Buffer | string): Output => {
  const unit = Buffer.from(text);
  return repeated(unit, unit.length);
};
