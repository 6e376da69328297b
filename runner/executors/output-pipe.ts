import { randomBytes } from "node:crypto";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Clock } from "../../shared/lib/clock.ts";
import type { OutputSink } from "./executor.ts";

/** How long a silent pipe is waited on after the end of its step, should somebody have taken the marker out of it. */
const SILENCE_MAX_MS = 2_000;
const LOOK_MS = 50;
/** Rare in output, so that the search for it is a jump from one to the next. */
const MARKER_START_BYTE = 0;
/** A pipe's whole capacity. One buffer for all reads: bulk output makes no garbage. */
const READ_BYTES = 64 * 1_024;

/** A pipe that an attempt's steps write to and the runner reads directly: bulk output passes through no other process. */
export interface OutputPipe {
  /** Starts to read. Before the other end has been opened, a FIFO reads as ended. */
  read(): void;
  /** Looks out for a marker from now on. */
  expect(marker: string): Marker;
  close(): void;
}

export interface Marker {
  /**
   * To be called once the marker is due. True when it came: all that was written before it has been given to the sink.
   * False when the pipe closed, or stayed silent for so long that somebody must have taken the marker out of it.
   */
  seen(): Promise<boolean>;
}

/**
 * Opens a FIFO for reading. A real pipe, and not one of Node's, which are sockets: `> /dev/stderr` fails on those.
 * Output keeps its bytes and its order; the markers are taken out.
 */
export function openOutputPipe(path: string, sink: OutputSink, clock: Clock): OutputPipe {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: onRead };
  const socket = new Socket({ fd, writable: false, onread });
  socket.pause();
  const awaited = new Map<string, Awaited>();
  let held = Buffer.alloc(0);
  let lastReadMs = clock.monotonicMs();
  let pauses = 0;

  // A broken read shows as a pipe that closed: `seen` says so.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    for (const marker of awaited.keys()) settle(marker, false);
  });

  /** False pauses the reading. */
  function onRead(count: number): boolean {
    lastReadMs = clock.monotonicMs();
    const bytes = onread.buffer.subarray(0, count);
    take(held.length === 0 ? bytes : Buffer.concat([held, bytes]));
    return pauses === 0;
  }

  function take(bytes: Buffer): void {
    const found = firstOf(awaited, bytes);
    if (found === undefined) {
      const keep = heldBack(awaited, bytes);
      held = Buffer.from(bytes.subarray(bytes.length - keep));
      give(bytes.subarray(0, bytes.length - keep));
      return;
    }
    held = Buffer.alloc(0);
    give(bytes.subarray(0, found.at));
    settle(found.marker, true);
    take(bytes.subarray(found.at + found.marker.length));
  }

  function give(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const pressure = sink(bytes);
    if (pressure === undefined) return;
    pauses += 1;
    socket.pause();
    const goOn = () => {
      pauses -= 1;
      lastReadMs = clock.monotonicMs();
      if (pauses === 0 && !socket.destroyed) socket.resume();
    };
    pressure.then(goOn, (error: unknown) => socket.destroy(error instanceof Error ? error : new Error(String(error))));
  }

  function settle(marker: string, came: boolean): void {
    const one = awaited.get(marker);
    awaited.delete(marker);
    one?.settle(came);
    if (came || held.length === 0) return;
    const rest = held;
    held = Buffer.alloc(0);
    give(rest);
  }

  function expect(marker: string): Marker {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    awaited.set(marker, { needle: Buffer.from(marker, "latin1"), settle: resolve });
    if (socket.destroyed) settle(marker, false);
    return {
      async seen() {
        lastReadMs = clock.monotonicMs();
        const watch = setInterval(() => {
          if (pauses === 0 && clock.monotonicMs() - lastReadMs > SILENCE_MAX_MS) settle(marker, false);
        }, LOOK_MS);
        return promise.finally(() => clearInterval(watch));
      },
    };
  }

  return { read: () => void socket.resume(), expect, close: () => void socket.destroy() };
}

interface Awaited {
  readonly needle: Buffer;
  readonly settle: (came: boolean) => void;
}

/** A marker that no step can know: 192 random bits. */
export function newMarker(): string {
  return String.fromCharCode(MARKER_START_BYTE) + randomBytes(24).toString("hex");
}

function firstOf(awaited: ReadonlyMap<string, Awaited>, bytes: Buffer): { marker: string; at: number } | undefined {
  let first: { marker: string; at: number } | undefined;
  for (const [marker, { needle }] of awaited) {
    const at = bytes.indexOf(needle);
    if (at >= 0 && (first === undefined || at < first.at)) first = { marker, at };
  }
  return first;
}

/** How many bytes at the end may be the beginning of a marker, and so must wait for the next read. */
function heldBack(awaited: ReadonlyMap<string, Awaited>, bytes: Buffer): number {
  for (const { needle } of awaited.values()) {
    const end = bytes.subarray(Math.max(0, bytes.length - needle.length + 1));
    // A marker holds its first byte once, so only the last place where that stands can begin one.
    const at = end.lastIndexOf(MARKER_START_BYTE);
    if (at >= 0 && end.subarray(at).equals(needle.subarray(0, end.length - at))) return end.length - at;
  }
  return 0;
}
