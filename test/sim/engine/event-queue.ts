/** Events by time, and by the order of their making where times are equal: a binary heap. */

export interface Timed {
  readonly atMs: number;
  readonly order: number;
}

export interface EventQueue<T extends Timed> {
  readonly size: number;
  push(event: T): void;
  pop(): T | undefined;
}

export function makeEventQueue<T extends Timed>(): EventQueue<T> {
  const heap: T[] = [];
  return {
    get size() {
      return heap.length;
    },
    push(event) {
      heap.push(event);
      rise(heap, heap.length - 1);
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) {
        heap[0] = last;
        sink(heap);
      }
      return first;
    },
  };
}

const isBefore = (left: Timed, right: Timed): boolean =>
  left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);

function rise<T extends Timed>(heap: T[], from: number): void {
  const event = heap[from];
  if (event === undefined) return;
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function sink<T extends Timed>(heap: T[]): void {
  const event = heap[0];
  if (event === undefined) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    let least = event;
    let place = at;
    for (const child of [left, left + 1]) {
      const one = heap[child];
      if (one !== undefined && isBefore(one, least)) {
        least = one;
        place = child;
      }
    }
    if (place === at) break;
    heap[at] = least;
    at = place;
  }
  heap[at] = event;
}
