import { BlockList, isIPv6 } from "node:net";

/**
 * Addresses that no name of a public forge has any business with: of this machine, of its network, of nobody. After the
 * registries of special addresses: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 twin.
 */
const special = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  special.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of [
  ["::", 127],
  ["64:ff9b::", 96],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  special.addSubnet(net, prefix, "ipv6");

/** Where clouds answer with credentials: refused whoever asks. The second is the same service over IPv6 in AWS. */
const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addSubnet("fe80::", 10, "ipv6");
linkLocal.addSubnet("fd00:ec2::", 32, "ipv6");

const within = (list: BlockList, address: string) => list.check(address, isIPv6(address) ? "ipv6" : "ipv4");

/** An IPv4 address may come dressed as an IPv6 one; the list sees through that. */
export const isSpecialAddress = (address: string): boolean => within(special, address);
export const isLinkLocalAddress = (address: string): boolean => within(linkLocal, address);
