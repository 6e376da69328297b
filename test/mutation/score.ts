/** What a room's run comes to. */
export interface Counted {
  readonly planted: number;
  readonly caught: number;
}

export const scoreOf = ({ planted, caught }: Counted): number => (planted === 0 ? 100 : (100 * caught) / planted);

export const percentOf = (counted: Counted): string => `${scoreOf(counted).toFixed(1)} %`;

/** Of a normal distribution, for 95 of 100. */
const Z = 1.96;

/** Wilson's interval: a room's true score lies in it, 95 of 100 times that a sample is drawn. */
export function intervalOf({ planted, caught }: Counted): string {
  if (planted === 0) return "0–100 %";
  const share = caught / planted;
  const spread = Z * Math.sqrt((share * (1 - share)) / planted + (Z / (2 * planted)) ** 2);
  const bounds = [-spread, spread].map((side) => (share + Z ** 2 / (2 * planted) + side) / (1 + Z ** 2 / planted));
  return `${bounds.map((bound) => (100 * bound).toFixed(1)).join("–")} %`;
}
