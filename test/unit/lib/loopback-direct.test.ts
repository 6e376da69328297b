import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const MODULE = new URL("../../../shared/lib/loopback-direct.ts", import.meta.url).href;

/** Says by which way each of Node's clients reached it. */
const server = createServer((request, response) => {
  const isProxied = /^http:/.test(request.url ?? "");
  response.end(isProxied ? "by proxy" : "direct");
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const PROGRAM = `
  import http from "node:http";
  const { keepLoopbackDirect, withUsersProxies, directLoopback } = await import(process.argv[1]);
  keepLoopbackDirect(process.env);
  const get = (url) => new Promise((done) => http.get(url, (r) => { let t = ""; r.on("data", (d) => (t += d)).on("end", () => done(t)); }).on("error", (e) => done(e.code)));
  const own = process.argv[2];
  console.log(JSON.stringify({
    own: [await get(own), await (await fetch(own)).text(), await get(own.replace("127.0.0.1", "localhost"))],
    other: await get("http://forge.test/x"),
    noProxy: process.env.NO_PROXY,
    users: withUsersProxies(process.env).NO_PROXY ?? null,
    git: directLoopback({ HTTP_PROXY: own, no_proxy: "corp.test" }),
  }));`;

test.each([
  [{}, "localhost,127.0.0.1,::1,[::1]", null],
  [{ NODE_USE_ENV_PROXY: "", NODE_OPTIONS: "--no-warnings --use-env-proxy" }, "localhost,127.0.0.1,::1,[::1]", null],
  [{ NO_PROXY: "corp.test, 10.0.0.1" }, "corp.test,10.0.0.1,localhost,127.0.0.1,::1,[::1]", "corp.test, 10.0.0.1"],
])(
  "case L14: loopback is direct for every client of Node, other hosts go by the proxy: %j",
  async (given, noProxy, users) => {
    const env = { PATH: process.env["PATH"], HTTP_PROXY: url, NODE_USE_ENV_PROXY: "1", ...given };
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", PROGRAM, "--", MODULE, url], { env });
    expect(JSON.parse(stdout)).toEqual({
      own: ["direct", "direct", "direct"],
      other: "by proxy",
      noProxy,
      users,
      git: { NO_PROXY: "corp.test,localhost,127.0.0.1,::1,[::1]", no_proxy: "corp.test,localhost,127.0.0.1,::1,[::1]" },
    });
  },
);
