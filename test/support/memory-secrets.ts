import type { SecretStore } from "../../shared/store/secret-store.ts";

/** Secrets that are gone with the test. `values` is by path. */
export function memorySecrets(values: Map<string, string> = new Map()): SecretStore {
  const below = (folder: string) =>
    [...values].filter(([path]) => path.startsWith(`${folder}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    put: async (path, value) => void values.set(path, value),
    read: async (path) => values.get(path),
    readAll: async (folder) => new Map(below(folder)),
    list: async (folder) => below(folder).map(([path]) => ({ path, updatedAtMs: 0 })),
    remove: async (path) => values.delete(path),
  };
}
