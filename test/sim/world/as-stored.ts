/**
 * A value as it comes to lie in the table: a copy that nobody else holds, without what is undefined. Throws where
 * DynamoDB's client would: an empty set, a number that is none, something that is no data.
 */
export function asStored(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`DynamoDB stores no ${value}`);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Set) {
    if (value.size === 0) throw new Error("DynamoDB has no empty set");
    return new Set(value);
  }
  if (Array.isArray(value)) return value.map(asStored);
  const copy: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value)) if (entry !== undefined) copy[name] = asStored(entry);
  return copy;
}

/** What is read is for everybody: whoever would change it throws. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const entry of Object.values(value)) frozen(entry);
  return value;
}
