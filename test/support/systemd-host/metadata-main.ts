import { createServer } from "node:http";
import { metadataAnswer } from "../host-service.ts";

/** An instance's metadata where EC2 has it; whatever else of a cloud answers with credentials, says so. */

for (const host of ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254"]) {
  const server = createServer(({ method = "", url: path = "", headers }, response) => {
    const { status, body = "" } = metadataAnswer({ method, path, headers }, {});
    response.writeHead(status).end(body);
  });
  server.listen(80, host);
}
