import { createHash } from "node:crypto";
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header, type HeaderData } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collectArtifacts } from "../../../runner/products/artifacts.ts";
import { collect } from "../../../runner/products/collect/collect.ts";
import { unpackArchive } from "../../../shared/lib/archive.ts";
import { ArchiveError } from "../../../shared/lib/archive-error.ts";
import { UNPACK_LIMITS, type UnpackLimits } from "../../../shared/lib/archive-limits.ts";
import { unpack } from "../../../shared/lib/unpack/unpack.ts";

let root: string;
let workspace: string;
let spoolDir: string;
let into: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "baton-archive-"));
  [workspace, spoolDir, into] = [join(root, "workspace"), join(root, "spool"), join(root, "into")] as const;
  await mkdir(workspace);
  await mkdir(into);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array = "x"): Promise<void> {
  await mkdir(dirname(join(workspace, path)), { recursive: true });
  await writeFile(join(workspace, path), content);
}

/** A tar as somebody else would write it. */
async function craft(...entries: (HeaderData & { content?: string })[]): Promise<string> {
  const blocks = entries.flatMap(({ content = "", ...data }) => {
    const block = Buffer.alloc(512);
    new Header({ mode: 0o644, size: content.length, ...data }).encode(block);
    return [block, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  const file = join(root, "crafted.tar.gz");
  await writeFile(file, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
  return file;
}

async function refused(file: string, message: RegExp, limits: Partial<UnpackLimits> = {}): Promise<void> {
  const before = await readdir(into, { recursive: true });
  const error = await unpackArchive({ file, into, limits }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ArchiveError);
  expect(String(error)).toMatch(message);
  // Nothing half-written.
  expect(await readdir(into, { recursive: true })).toEqual(before);
}

describe("collecting", () => {
  test("the same content makes the same archive, and its digest is the artifact's", async () => {
    await put("dist/b.js", "b");
    await put("dist/.hidden/a.js", "a");
    const collect = () => collectArtifacts({ workspace, patterns: ["dist"], spoolDir });
    const first = await collect();
    await chmod(join(workspace, "dist/b.js"), 0o600);
    const second = await collect();
    expect(second).toEqual(first);
    const bytes = await readFile(first.archive?.file ?? "");
    expect(first.archive?.artifact).toEqual({
      name: "artifacts.tar.gz",
      kind: "archive",
      files: 2,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
  });

  test("what matches nothing is a warning and no error", async () => {
    await put("a.txt");
    const some = await collectArtifacts({ workspace, patterns: ["a.txt", "none/**"], spoolDir });
    expect(some.archive?.artifact.files).toBe(1);
    expect(some.warnings).toEqual(['artifact path "none/**" matches nothing']);
    expect((await collectArtifacts({ workspace, patterns: ["none"], spoolDir })).archive).toBeUndefined();
  });

  test("what leads out of the workspace, sockets and .git are not kept", async () => {
    await put("in.txt");
    await put(".git/config");
    await symlink("/etc", join(workspace, "etc"));
    await symlink("../outside", join(workspace, "up"));
    await symlink("in.txt", join(workspace, "good"));
    // A socket's path has at most 107 bytes, which an attempt's own temporary folder may exceed: named from here.
    const server = createServer().listen(relative(process.cwd(), join(workspace, "socket")));
    const patterns = ["**", "etc/passwd"];
    const { archive, warnings, missed } = await collectArtifacts({ workspace, patterns, spoolDir });
    server.close();
    expect(archive?.artifact.files).toBe(2);
    expect(missed).toBe(4);
    expect(warnings).toEqual([
      "artifacts: 4 of the 6 that the paths match are not kept",
      "artifact etc/passwd is not kept: it is behind a symbolic link",
      "artifact etc is not kept: it is a link that leads out, to /etc",
      "artifact socket is not kept: it is a socket, and no file",
      "artifact up is not kept: it is a link that leads out, to ../outside",
    ]);
  });

  test("a path that leaves the workspace keeps nothing, and costs the other paths nothing", async () => {
    await put("in.txt");
    for (const pattern of ["../x", "/etc/passwd", "a/../../x", "!../x"]) {
      const { archive, warnings } = await collectArtifacts({ workspace, patterns: [pattern, "in.txt"], spoolDir });
      expect(archive?.artifact.files).toBe(1);
      expect(warnings).toEqual([expect.stringContaining("leaves the workspace")]);
    }
  });

  test("a glob that no runner could match in time is not tried, also where no validator has seen it", async () => {
    await writeFile(join(workspace, "a".repeat(200)), "");
    await put("in.txt");
    for (const pattern of ["*a*a*a*a*a*b", "**/a/**/a/**/a/**/b", "+(*a)*b", "!*a*a*a*a*b"]) {
      const { archive, warnings } = await collectArtifacts({ workspace, patterns: [pattern, "in.txt"], spoolDir });
      expect(archive?.artifact.files).toBe(1);
      expect(warnings).toEqual([expect.stringContaining(`artifact path ${JSON.stringify(pattern)} matches nothing:`)]);
    }
  });

  test("an archive over the limit keeps what fits, and no file where nothing does", async () => {
    const noise = Buffer.from(Array.from({ length: 9_000 }, (_, at) => (at * 7919) % 251));
    await put("big", noise);
    const { archive, warnings, missed } = await collectArtifacts({
      workspace,
      patterns: ["big"],
      spoolDir,
      bytesMax: 100,
    });
    expect([archive, missed]).toEqual([undefined, 1]);
    expect(warnings.join()).toContain("artifact big is not kept: all artifacts together exceed");
    expect(await readdir(spoolDir)).toEqual([]);
  });
});

describe("unpacking (SECURITY 31)", () => {
  test("gives back what was collected: names, contents, links, the executable bit", async () => {
    const name = fc
      .stringMatching(/^[a-z@.é ]{1,40}$/)
      .filter((part) => part.trim() !== "" && !/^\.{1,2}$|^\.git$/i.test(part));
    const path = fc.array(name, { minLength: 1, maxLength: 8 }).map((parts) => parts.join("/"));
    const files = fc.uniqueArray(fc.tuple(path, fc.uint8Array({ maxLength: 1_500 }), fc.boolean()), {
      selector: ([p]) => p,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(files, async (entries) => {
        await rm(workspace, { recursive: true, force: true });
        await rm(into, { recursive: true, force: true });
        const written: typeof entries = [];
        for (const [at, content, executable] of entries) {
          // A name may be a file here and a folder there; the file system settles which came first.
          if (
            await put(at, content).then(
              () => true,
              () => false,
            )
          ) {
            await chmod(join(workspace, at), executable ? 0o755 : 0o644);
            written.push([at, content, executable]);
          }
        }
        await mkdir(workspace, { recursive: true });
        // In this thread: to start two for each of many small archives would take longer than all the rest.
        const file = join(root, "archive");
        const collecting = {
          workspace,
          seenAs: workspace,
          patterns: ["**"],
          file,
          bytesMax: 1e9,
          limits: UNPACK_LIMITS,
        };
        const { packed } = collect(collecting);
        expect(packed?.files ?? 0).toBe(written.length);
        await mkdir(into, { recursive: true });
        if (packed !== undefined) await unpack({ file, into, beside: join(into, ".beside"), limits: UNPACK_LIMITS });
        for (const [at, content, executable] of written) {
          expect(Buffer.compare(await readFile(join(into, at)), Buffer.from(content))).toBe(0);
          expect(((await stat(join(into, at))).mode & 0o100) !== 0).toBe(executable);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("gives back a path over 100 bytes with letters outside ASCII", async () => {
    const long = `${"é".repeat(30)}/${"b".repeat(40)}/é.txt`;
    await put(long, "whole");
    const { archive } = await collectArtifacts({ workspace, patterns: ["**"], spoolDir });
    await unpackArchive({ file: archive?.file ?? "", into });
    expect(await readFile(join(into, long), "utf8")).toBe("whole");
  });

  test("goes over what is there, and replaces a link instead of writing through it", async () => {
    await put("dist/new.txt", "new");
    await symlink("new.txt", join(workspace, "dist/link"));
    const { archive } = await collectArtifacts({ workspace, patterns: ["dist"], spoolDir });
    await mkdir(join(into, "dist"));
    await writeFile(join(into, "dist/old.txt"), "old");
    await writeFile(join(root, "victim"), "untouched");
    await symlink(join(root, "victim"), join(into, "dist/new.txt"));
    await unpackArchive({ file: archive?.file ?? "", into });
    expect((await readdir(join(into, "dist"))).sort()).toEqual(["link", "new.txt", "old.txt"]);
    expect(await readlink(join(into, "dist/link"))).toBe("new.txt");
    expect(await readFile(join(root, "victim"), "utf8")).toBe("untouched");
  });

  test.each(["/etc/passwd", "../out", "a/../../out", ".git/hooks/pre-commit", "a/.GIT/config", "."])(
    "refuses the path %s",
    async (path) => {
      await refused(
        await craft({ path: "good", type: "File" }, { path, type: "File", content: "x" }),
        /no path inside/,
      );
    },
  );

  test.each([
    ["/etc", "l"],
    ["../..", "a/l"],
    ["sub/../../..", "l"],
    ["a/b/..", "l"],
  ])("refuses a link to %s", async (linkpath, path) => {
    await refused(await craft({ path, type: "SymbolicLink", linkpath }), /leads out/);
  });

  test("refuses hard links, devices, pipes and names that come twice", async () => {
    for (const type of ["Link", "CharacterDevice", "BlockDevice", "FIFO"] as const)
      await refused(
        await craft({ path: "x", type, ...(type === "Link" ? { linkpath: "/etc/passwd" } : {}) }),
        /only files, folders/,
      );
    await refused(
      await craft({ path: "x", type: "File", content: "1" }, { path: "x", type: "File", content: "2" }),
      /cannot unpack/,
    );
  });

  test("refuses to write through a link, whether of the archive or of the folder", async () => {
    const file = { path: "d/passwd", type: "File", content: "x" } as const;
    await refused(await craft({ path: "d", type: "SymbolicLink", linkpath: "sub" }, file), /cannot place/);
    await symlink(root, join(into, "d"));
    await refused(await craft(file), /symbolic link here/);
  });

  test("drops setuid and write bits for others", async () => {
    await unpackArchive({ file: await craft({ path: "x", type: "File", mode: 0o6777, content: "x" }), into });
    expect((await stat(join(into, "x"))).mode & 0o7022).toBe(0);
  });

  test("refuses bombs by bytes, entries and ratio", async () => {
    const zeros = await craft({ path: "x", type: "File", content: "\0".repeat(1_000_000) });
    await refused(zeros, /more than 999999 bytes/, { bytesMax: 999_999 });
    await refused(zeros, /times its size/, { ratioFromBytes: 1_000, ratioMax: 100 });
    await refused(await craft({ path: "x", type: "File" }, { path: "y", type: "File" }), /more than 1 entries/, {
      entriesMax: 1,
    });
  });

  test("refuses an archive that is cut short, or none", async () => {
    const file = await craft({ path: "x", type: "File", content: "x".repeat(5_000) });
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 30));
    await refused(file, /cannot unpack|ends early/);
    await writeFile(file, "no archive at all");
    await refused(file, /cannot unpack/);
  });

  test("a hard link in the workspace is collected as the file that it is", async () => {
    await put("a", "content");
    await link(join(workspace, "a"), join(workspace, "b"));
    const { archive } = await collectArtifacts({ workspace, patterns: ["*"], spoolDir });
    await unpackArchive({ file: archive?.file ?? "", into });
    expect(await readFile(join(into, "b"), "utf8")).toBe("content");
  });
});
