import { type BytePath, someOf } from "./path-bytes.ts";

/** Why something of the tree is not in its snapshot, or not as it is. */
const REASONS = {
  submodule: "submodules that are not checked out, and are empty folders in the jobs",
  nested: "repositories of their own: their files are in the jobs, their history is not",
  unreadableRepository: "repositories that git cannot read: taken as plain folders, without what a .gitignore names",
  sparse: "outside of the sparse checkout, and not in the jobs",
  unreadable: "not in the jobs, since this user may not read them",
  special: "not in the jobs, since they are no files: sockets, pipes, devices",
  named: "not in the jobs, since git has no place for such names",
  own: "not in the jobs, though git tracks them: Baton's own files, or its secrets",
  secrets: "not in the jobs: the file of --secrets-file",
} as const;
const CURES: Partial<Record<Reason, string>> = {
  submodule: "`git submodule update --init --recursive` brings them",
  sparse: "`git sparse-checkout disable` brings them",
};

export type Reason = keyof typeof REASONS;

/** Collects names by reason, for one line each. */
export interface LeftOut {
  add(reason: Reason, path: BytePath): void;
  lines(): string[];
}

export function collectLeftOut(): LeftOut {
  const all = new Map<Reason, BytePath[]>();
  return {
    add(reason, path) {
      const known = all.get(reason);
      if (known === undefined) all.set(reason, [path]);
      else known.push(path);
    },
    lines: () =>
      [...all].map(([reason, paths]) => {
        const cure = CURES[reason];
        return `${REASONS[reason]}: ${someOf(paths)}${cure === undefined ? "" : `; ${cure}`}`;
      }),
  };
}
