import { describe, expect, test } from "vitest";
import { forgeUrlProblem, parseForgeHosts } from "../../../shared/lib/forge-hosts.ts";
import { isLinkLocalAddress, isSpecialAddress } from "../../../shared/lib/public-address.ts";

describe("SECURITY 33: addresses", () => {
  test.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
  ])("%s is nobody's public address", (address) => {
    expect(isSpecialAddress(address)).toBe(true);
  });

  test.each(["140.82.121.6", "8.8.8.8", "172.32.0.1", "2606:50c0:8000::153", "::ffff:140.82.121.6"])(
    "%s is public",
    (address) => {
      expect([isSpecialAddress(address), isLinkLocalAddress(address)]).toEqual([false, false]);
    },
  );

  test.each(["169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])(
    "%s may be a cloud's metadata, and is refused whoever named it",
    (address) => {
      expect(isLinkLocalAddress(address)).toBe(true);
    },
  );
});

describe("the hosts that an operator named", () => {
  const hosts = parseForgeHosts(" api.github.com, GHE.corp.test ,127.0.0.1:4000,");
  const problemOf = (url: string) => forgeUrlProblem(new URL(url), hosts);

  test.each([
    "https://api.github.com",
    "https://ghe.corp.test/api/v3",
    "http://ghe.corp.test",
    "http://127.0.0.1:4000",
  ])("%s may be called", (url) => expect(problemOf(url)).toBeUndefined());

  test.each([
    "http://api.github.com",
    "https://api.github.com:8443",
    "https://api.github.com.evil.test",
    "https://evil.test/api.github.com",
    "https://user:secret@api.github.com",
    "http://127.0.0.1",
    "http://127.0.0.1:4001",
    "file:///etc/passwd",
  ])("%s may not", (url) => expect(problemOf(url)).toBeDefined());
});
