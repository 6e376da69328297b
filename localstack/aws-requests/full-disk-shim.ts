import { isDiskFull } from "../../shared/lib/disk-full.ts";
import type { Reply, Request, Shim } from "../fastify-shim.ts";

const MESSAGE = "The database or disk is full: make room where the embedded server keeps its data.";

/** Answers 507 and says why, as each service's clients read it, where the server cannot store what it was sent. */
export const fullDiskShim: Shim = (server) => {
  server.addHook("onRoute", (route) => {
    const answer = route.handler;
    route.handler = async (request, reply) => {
      try {
        return await answer(request, reply);
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        return refuse(request, reply);
      }
    };
  });
};

function refuse({ routeOptions }: Request, reply: Reply): Reply {
  const isQueue = routeOptions.url === "/";
  const body = isQueue
    ? JSON.stringify({ __type: "com.amazonaws.sqs#DiskFull", message: MESSAGE })
    : `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>DiskFull</Code><Message>${MESSAGE}</Message></Error>`;
  const type = isQueue ? "application/x-amz-json-1.0" : "application/xml";
  return reply.status(507).header("content-type", type).send(body);
}
