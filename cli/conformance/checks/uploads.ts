import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type SignedRequest, uploadsReply } from "../../../shared/protocol/leases.ts";
import { mustAccept } from "../answer.ts";
import type { Bench, Held } from "../bench.ts";
import { type Check, must } from "../check.ts";

/** Links to upload with: each is for one key, one method, one length, one digest, once. */

const CONTENT = Buffer.from("what the link was signed for\n");
const OTHER = Buffer.from("what the link was not signed for, and longer\n");

export const uploadChecks: readonly Check[] = [
  {
    id: "upload.misuse",
    proves: "a link refuses another key, method, length or content, and a second use",
    invariants: [2, 11],
    async run(bench) {
      const link = await linkFor(bench, await bench.running(), CONTENT);
      const url = new URL(link.url);
      const otherKey = new URL(url);
      otherKey.pathname = url.pathname.replace(/00000001\.gz$/, "00000002.gz");
      must(otherKey.pathname !== url.pathname, "the link's key is not that of chunk 1");
      const sameLength = Buffer.from(CONTENT.toString().toUpperCase());
      const misuses: readonly (readonly [string, SignedRequest, Buffer, string?])[] = [
        ["another key", { ...link, url: otherKey.href }, CONTENT],
        ["another length", link, OTHER],
        ["other content of the same length", link, sameLength],
        ["method DELETE", link, Buffer.alloc(0), "DELETE"],
        ["method GET", link, Buffer.alloc(0), "GET"],
        ["no signature", { ...link, url: url.origin + url.pathname }, CONTENT],
      ];
      for (const [what, misused, body, method = "PUT"] of misuses) {
        const status = await send(misused, body, method);
        must(status >= 400, `the link was accepted with ${what} (${status})`);
      }
      must((await send(link, CONTENT, "PUT")) < 300, "the link refused what it was signed for");
      must((await send(link, CONTENT, "PUT")) >= 400, "the link let an object be written twice");
    },
  },
];

async function linkFor({ client }: Bench, held: Held, content: Buffer): Promise<SignedRequest> {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const params = { run: held.run, job: held.job, fence: held.fence };
  const body = { files: [{ kind: "log" as const, seq: 1, bytes: content.length, sha256 }] };
  const call = client.call("uploads", { params, body }, { token: held.token });
  const [link] = uploadsReply.parse(mustAccept("the upload call", { kind: "accepted", reply: await call })).uploads;
  must(link !== undefined, "the upload call answered no link");
  return link;
}

/** The status. Not `fetch`, which would refuse to send some of these headers as they were signed. */
function send(link: SignedRequest, body: Buffer, method: string): Promise<number> {
  const url = new URL(link.url);
  const start = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = method === "PUT" ? { ...link.headers, "content-length": body.length } : {};
  return new Promise((resolve, reject) => {
    const call = start(url, { method, headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    call.once("error", reject);
    call.end(body);
  });
}
