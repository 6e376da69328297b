import { createHash } from "node:crypto";
import { DOWNLOAD_URL_MS, UPLOAD_URL_MS } from "../../../shared/domain/limits.ts";
import type { SignedRequest } from "../../../shared/protocol/leases.ts";
import type { Bucket } from "../../../shared/store/bucket.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import { awaitAnswer } from "./await-answer.ts";
import type { Line } from "./sim-network.ts";
import type { Request } from "./sim-store.ts";

/** The products' bucket, with its signed links: one key, one method, one length, one digest, once, for minutes. */
export interface SimBucket {
  readonly bucket: Bucket;
  readonly objects: ReadonlyMap<string, Buffer>;
  /** While it is down, every link and every request of the control plane fails. */
  down: boolean;
  /** A transfer by link from a host: the status, or an error where no answer came. */
  transfer(line: Line, request: SignedRequest, body: Buffer | undefined, signal: AbortSignal): Promise<Transferred>;
}

export interface Transferred {
  readonly status: number;
  readonly body: Buffer;
}

interface Link {
  readonly method: "PUT" | "GET";
  readonly key: string;
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
  readonly untilMs: number;
}

const ORIGIN = "http://bucket.sim/";
const ONE_WAY_MS_MAX = 60;
/** How long a transfer hangs that gets no answer, before its host gives it up. */
const HANG_MS = 30_000;
const NOTHING = Buffer.alloc(0);

export function makeSimBucket(sim: Simulation, faults: Faults, request: Request): SimBucket {
  const objects = new Map<string, Buffer>();
  const links = new Map<string, Link>();

  function sign(link: Link): SignedRequest {
    const url = `${ORIGIN}${links.size}/${link.key}`;
    links.set(url, link);
    const headers = link.method === "PUT" ? { "if-none-match": "*" } : {};
    return { method: link.method, url, headers };
  }

  /** What S3 answers. */
  function serve(url: string, body: Buffer | undefined): Transferred {
    const link = links.get(url);
    if (self.down) return { status: 503, body: NOTHING };
    if (link === undefined || sim.nowMs() > link.untilMs) return { status: 403, body: NOTHING };
    const there = objects.get(link.key);
    if (link.method === "GET")
      return there === undefined ? { status: 404, body: NOTHING } : { status: 200, body: there };
    if (body === undefined || (link.bytes !== undefined && link.bytes !== body.length))
      return { status: 403, body: NOTHING };
    if (link.sha256 !== undefined && link.sha256 !== digestOf(body)) return { status: 400, body: NOTHING };
    if (there !== undefined) return { status: 412, body: NOTHING };
    objects.set(link.key, Buffer.from(body));
    return { status: 200, body: NOTHING };
  }

  const working = <T>(operation: string, effect: () => T): Promise<T> =>
    request(operation, () => {
      if (self.down) throw new Error("injected: the bucket is down");
      return effect();
    });

  const bucket: Bucket = {
    put: (key, body) => working(`PutObject ${key}`, () => void objects.set(key, Buffer.from(body))),
    get: (key) =>
      working(`GetObject ${key}`, () => {
        const found = objects.get(key);
        if (found === undefined) throw new Error(`there is no object ${key}`);
        return found;
      }),
    signPut: async ({ key, bytes, sha256 }) =>
      sign({ method: "PUT", key, bytes, sha256, untilMs: sim.nowMs() + UPLOAD_URL_MS }),
    signGet: async (key) =>
      sign({ method: "GET", key, bytes: undefined, sha256: undefined, untilMs: sim.nowMs() + DOWNLOAD_URL_MS }),
    list: (prefix, afterKey, limit) =>
      working(`ListObjectsV2 ${prefix}`, () =>
        [...objects]
          .filter(([key]) => key.startsWith(prefix) && key > (afterKey ?? ""))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, limit)
          .map(([key, { length }]) => ({ key, bytes: length })),
      ),
    ping: () => working("HeadBucket", () => undefined),
  };

  const self: SimBucket = {
    bucket,
    objects,
    down: false,
    transfer(line, { method, url }, body, signal) {
      const name = sim.numbered(`${method} ${links.get(url)?.key} by ${sim.current().name}`);
      const dice = sim.dice(name);
      const way = () => 1 + dice() * ONE_WAY_MS_MAX;
      return awaitAnswer<Transferred>(sim, name, signal, (ear) => {
        const silence = () => ear.fail(HANG_MS, new Error("injected: no answer from the bucket"));
        if (line.cutOff) return silence();
        if (faults.strikes("bucket refuses", name)) return ear.answer(way(), { status: 503, body: NOTHING });
        sim.world(way(), name, () => {
          const answer = serve(url, body);
          if (line.cutOff || faults.strikes("bucket loses the reply", name)) silence();
          else ear.answer(way(), answer);
        });
      });
    },
  };
  return self;
}

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
