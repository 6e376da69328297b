/** A map's own entry: a job may well be called `constructor`, which every plain object seems to have. */
export function entryOf<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
