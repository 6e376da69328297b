import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { z } from "zod";

/** A real browser on this machine, and a site of somebody else's that is open in it. */
export interface HostileSite {
  /** What a page of another origin reads of a server at this address. */
  attack(origin: string, planted: string): Promise<Finding[]>;
  /** The same, once the site has its own name resolved to the loopback, and is of one origin with the server there. */
  attackRebound(port: number, planted: string): Promise<Finding[]>;
  close(): Promise<void>;
}

const findings = z.array(z.object({ what: z.string(), status: z.int(), text: z.string() }));
export type Finding = z.infer<typeof findings>[number];

export const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = (): boolean => existsSync(CHROMIUM);

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
const SCRIPT = readFileSync(new URL("../fixtures/hostile-page/attack.js", import.meta.url), "utf8");
const LOAD_MS = 60_000;

export async function openHostileSite(): Promise<HostileSite> {
  const site = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>kittens</title><body>kittens</body>");
  });
  await new Promise<void>((listening) => site.listen(0, "127.0.0.1", listening));
  const { port } = site.address() as AddressInfo;
  // Both names are somebody else's, and lead here: the second one is what a rebinding of the first leads to.
  const rules = "MAP kittens.example 127.0.0.1,MAP rebound.example 127.0.0.1";
  const args = [...FLAGS, "--disable-background-networking", `--host-resolver-rules=${rules}`];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args, timeout: LOAD_MS });
  return {
    attack: (origin, planted) => attackFrom(browser, `http://kittens.example:${port}/`, origin, planted),
    attackRebound: (target, planted) => {
      const origin = `http://rebound.example:${target}`;
      return attackFrom(browser, `${origin}/`, origin, planted);
    },
    async close() {
      await browser.close();
      site.close();
      site.closeAllConnections();
    },
  };
}

async function attackFrom(browser: Browser, from: string, origin: string, planted: string): Promise<Finding[]> {
  const page = await browser.newPage();
  try {
    await visit(page, from);
    await page.evaluate(SCRIPT);
    return findings.parse(await page.evaluate(`attack(${JSON.stringify(origin)}, ${JSON.stringify(planted)})`));
  } finally {
    await page.close();
  }
}

/** Also where the server answers with an error: it is a page of that origin. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url, { timeout: LOAD_MS, waitUntil: "domcontentloaded" });
}
