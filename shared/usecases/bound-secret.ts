/**
 * A credential is kept with the address that it was given for, on a line before it. A project and its credentials are
 * two writes: whoever reads between them, or after a crash, would otherwise send the old one to the new address.
 */

export const bindSecret = (address: string, value: string): string => `${address}\n${value}`;

/** Undefined where it was given for another address. */
export function unbindSecret(stored: string, address: string): string | undefined {
  return stored.startsWith(`${address}\n`) ? stored.slice(address.length + 1) : undefined;
}
