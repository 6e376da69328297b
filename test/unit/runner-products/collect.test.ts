import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Collecting, collect } from "../../../runner/products/collect/collect.ts";
import { packMembers } from "../../../runner/products/collect/pack-members.ts";
import type { Missed } from "../../../runner/products/match-files.ts";
import type { TarMember } from "../../../runner/products/write-tar.ts";
import { UNPACK_LIMITS, type UnpackLimits } from "../../../shared/lib/archive-limits.ts";
import { bytesOf, nameOf, printName } from "../../../shared/lib/byte-path.ts";
import { removeTree } from "../../../shared/lib/remove-tree.ts";
import { unpack } from "../../../shared/lib/unpack/unpack.ts";
import { WITHOUT_SUPERUSER } from "../../support/no-superuser.ts";

/** What collecting does with members that go wrong, and with names that are no text. */

let root: string;
let workspace: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "baton-collect-"));
  workspace = join(root, "workspace");
  file = join(root, "artifacts.tar.gz");
  mkdirSync(workspace);
});
afterEach(() => removeTree(root));

const MIB = 1_024 * 1_024;
const put = (path: string | Buffer, content: string | Buffer = "x") =>
  writeFileSync(Buffer.concat([Buffer.from(`${workspace}/`), Buffer.from(path)]), content);
const collected = (patterns: readonly string[], change: Partial<Collecting> = {}) =>
  collect({ workspace, seenAs: workspace, patterns, file, bytesMax: 5_000 * MIB, limits: UNPACK_LIMITS, ...change });

/** Every name below a folder, in bytes: `find` says them as they are. */
function namesBelow(folder: string): string[] {
  const found = execFileSync("find", [".", "-mindepth", "1", "!", "-type", "d", "-print0"], { cwd: folder });
  return found.toString("latin1").split("\0").filter(Boolean).sort();
}

async function unpacked(): Promise<string> {
  const into = mkdtempSync(join(root, "into-"));
  await unpack({ file, into, beside: join(into, ".beside"), limits: UNPACK_LIMITS });
  return into;
}

describe("names (case L5)", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((array) => Buffer.from(array));
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 30 }).map((string) => Buffer.from(string));

  test("every name survives as a string, whatever its bytes, and is shown on one line", () => {
    fc.assert(
      fc.property(fc.oneof(bytes, text), (name) => {
        expect(bytesOf(nameOf(name)).equals(name)).toBe(true);
        const printed = printName(nameOf(name));
        expect(printed.isWellFormed()).toBe(true);
        expect(printed).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  test("names are shown with what nobody could read escaped, and others as they are", () => {
    const shown = (name: string, encoding: BufferEncoding = "utf8") => printName(nameOf(Buffer.from(name, encoding)));
    expect(shown("out/café 🐈\\x.txt")).toBe("out/café 🐈\\x.txt");
    expect(shown("caf\xe9", "latin1")).toBe("caf\\xE9");
    expect(shown("two\nlines\\\u001b[31m")).toBe("two\\nlines\\\\\\x1B[31m");
    expect(shown("\u202egnp.exe")).toBe("\\xE2\\x80\\xAEgnp.exe");
  });

  test("every byte of a name and of a link's target comes through the archive", async () => {
    const names = [
      "caf\xe9",
      "\xff\xfe",
      "two\nlines",
      "\r",
      "\u2028",
      "back\\slash",
      "[a]{b}*?!",
      "🐈",
      "é".repeat(120),
    ];
    const written = names.map((name, at) => Buffer.from(name, at < 2 ? "latin1" : "utf8"));
    for (const name of written) put(name, name);
    execFileSync("sh", ["-c", "ln -s \"$(printf 'caf\\351')\" link"], { cwd: workspace });
    expect(collected(["**"])).toMatchObject({ packed: { files: 10 }, missedCount: 0, warnings: [] });
    const into = await unpacked();
    expect(namesBelow(into)).toEqual(namesBelow(workspace));
    for (const name of written)
      expect(readFileSync(Buffer.concat([Buffer.from(`${into}/`), name])).equals(name)).toBe(true);
    expect(execFileSync("readlink", ["-n", "link"], { cwd: into })).toEqual(Buffer.from("caf\xe9", "latin1"));
  });

  test("a pattern meets a name with a line end in it, also where the pattern has it (case L17)", () => {
    put("two\nlines");
    for (const pattern of ["**", "two*", "two?lines", "two\nlines"])
      expect(collected([pattern]).packed?.files, pattern).toBe(1);
  });
});

describe("a member that goes wrong while it is read (case L5)", () => {
  const noise = randomBytes(3 * MIB);
  const member = (path: string, bytes: number): TarMember => ({ type: "file", path, executable: false, bytes });

  function packed(members: readonly TarMember[], limits: Partial<UnpackLimits> = {}, bytesMax = 5_000 * MIB) {
    const missed: Missed[] = [];
    const miss = (one: Missed) => void missed.push(one);
    const made = packMembers({ workspace, members, file, bytesMax, limits: { ...UNPACK_LIMITS, ...limits }, miss });
    return { made, missed: missed.map(({ path, why }) => `${path}: ${why}`) };
  }

  beforeEach(() => {
    put("a", "first");
    put("large", noise);
    put("z", "last");
  });

  test("costs the others nothing", async () => {
    for (const bad of [
      member("large", noise.length + 1),
      member("large", noise.length - 1),
      member("a", 6),
      member("gone", 10),
      member("gone", 3 * MIB),
    ]) {
      const { made, missed } = packed([member("a", 5), bad, member("z", 4)]);
      expect(missed).toEqual([expect.stringMatching(/^(large|a): it changed while it was read|^gone: it vanished/)]);
      expect(made?.files).toBe(2);
      expect(made?.sha256).toBe(createHash("sha256").update(readFileSync(file)).digest("hex"));
      expect(namesBelow(await unpacked())).toEqual(["./a", "./z"]);
    }
  });

  test("of a large one that shrinks half-way, nothing stays in the archive", async () => {
    put("large", noise.subarray(0, 2 * MIB));
    const { missed } = packed([member("a", 5), { ...member("large", noise.length) }, member("z", 4)]);
    expect(missed).toHaveLength(1);
    expect(namesBelow(await unpacked())).toEqual(["./a", "./z"]);
  });

  test("what does not fit is left out, and what is smaller still fits", async () => {
    const { made, missed } = packed([member("a", 5), member("large", noise.length), member("z", 4)], {}, MIB);
    expect(made?.files).toBe(2);
    expect(missed).toEqual([expect.stringMatching(/^large: all artifacts together exceed \d+ bytes/)]);
    expect(namesBelow(await unpacked())).toEqual(["./a", "./z"]);
    const tight = packed([member("a", 5), member("large", noise.length), member("z", 4)], { bytesMax: MIB });
    expect([tight.made?.files, tight.missed.length]).toEqual([2, 1]);
  });

  test("what could not be unpacked again, for it would be taken for a bomb, is left out", () => {
    put("zeros", Buffer.alloc(3 * MIB));
    const { made, missed } = packed([member("a", 5), member("zeros", 3 * MIB)], { ratioFromBytes: MIB, ratioMax: 100 });
    expect(made?.files).toBe(1);
    expect(missed).toEqual([expect.stringMatching(/^zeros: with it, the archive unpacks to more than 100 times/)]);
  });

  test("a large file comes back byte for byte, whether it can be packed or not", async () => {
    put("half", Buffer.concat([noise, Buffer.alloc(6 * MIB, "text ")]));
    expect(collected(["*"]).packed?.files).toBe(4);
    const into = await unpacked();
    for (const name of ["large", "half"])
      expect(readFileSync(join(into, name)).equals(readFileSync(join(workspace, name)))).toBe(true);
  });

  test("more files than an archive may have are counted, and the first are kept", () => {
    const made = collected(["*"], { limits: { ...UNPACK_LIMITS, entriesMax: 2 } });
    expect(made).toMatchObject({ packed: { files: 2 }, missedCount: 1, missed: [{ name: "z" }] });
  });
});

describe("what the glob itself cannot reach is told (case L17)", () => {
  test("a path that is too long for the archive, or for the kernel", () => {
    const part = "d".repeat(200);
    const dig = `for (let i = 1; i <= 30; i++) { fs.mkdirSync("${part}"); process.chdir("${part}"); if (i === 16) fs.writeFileSync("file", ""); }`;
    execFileSync(process.execPath, ["--eval", dig], { cwd: workspace });
    put("good");
    const made = collected(["**"]);
    expect(made.packed?.files).toBe(1);
    expect(made.missed.map(({ why }) => why)).toEqual([
      "its name is too long; what is in it is not kept",
      "its path has 3220 bytes, and at most 3072 are kept",
    ]);
  });

  test("folders that turn in a circle are links, and are kept as links", async () => {
    mkdirSync(join(workspace, "d"));
    execFileSync("sh", ["-c", "ln -s . d/self; ln -s d/self/self/self again; ln -s b a; ln -s a b"], {
      cwd: workspace,
    });
    expect(collected(["**"])).toMatchObject({ packed: { files: 4 }, missedCount: 0 });
    expect(namesBelow(await unpacked())).toEqual(["./a", "./again", "./b", "./d/self"]);
  });

  test("a folder or a file that this user may not read", () => {
    mkdirSync(join(workspace, "shut"));
    execFileSync("sh", ["-c", "touch shut/x secret good; chmod 000 shut secret"], { cwd: workspace });
    const code = fileURLToPath(new URL("../../../runner/products/collect/collect.ts", import.meta.url));
    const input = { workspace, patterns: ["**"], file, bytesMax: MIB, limits: UNPACK_LIMITS };
    const program = `console.log(JSON.stringify((await import(${JSON.stringify(code)})).collect(${JSON.stringify(input)})))`;
    const [command = "", ...args] = [...WITHOUT_SUPERUSER, process.execPath, "--input-type=module", "--eval", program];
    const made: unknown = JSON.parse(execFileSync(command, args, { encoding: "utf8" }));
    const why = "this user may not: look at its owner and mode, and its folders'";
    expect(made).toMatchObject({
      packed: { files: 1 },
      missedCount: 2,
      missed: [
        { name: "shut", why: `${why}; what is in it is not kept` },
        { name: "secret", why },
      ],
    });
  });

  test("what is excluded is not missed, and a pattern whose every match is excluded is told so", () => {
    put("a.log");
    put("b.txt");
    const made = collected(["*", "!*.log", "*.log"]);
    expect(made).toMatchObject({ packed: { files: 1 }, missedCount: 0 });
    expect(made.warnings).toEqual(['artifact path "*.log" matches nothing: all that it matches is excluded']);
  });

  test("the ways to write one folder all meet it", () => {
    mkdirSync(join(workspace, "out"));
    put("out/x");
    for (const pattern of ["out", "out/", "./out", "./out/", "out/**", "out/*", "out//x", ".", "./"])
      expect(collected([pattern]), pattern).toMatchObject({ packed: { files: 1 }, warnings: [] });
  });
});

describe("links by an absolute path (case L7)", () => {
  const targetOf = (into: string, path: string) => readlinkSync(join(into, path));

  test("one that leads to what is in the workspace is kept, relative, and so leads there in every workspace", async () => {
    mkdirSync(join(workspace, "out/bin"), { recursive: true });
    put("out/x");
    symlinkSync(join(workspace, "out/x"), join(workspace, "out/bin/x"));
    symlinkSync(join(workspace, "out"), join(workspace, "out/bin/all"));
    symlinkSync("/run/baton/workspace/out/x", join(workspace, "inside"));
    symlinkSync("/run/baton/workspace", join(workspace, "top"));
    const { missed } = collected(["out/**"]);
    expect(missed).toEqual([]);
    const into = await unpacked();
    expect([targetOf(into, "out/bin/x"), targetOf(into, "out/bin/all")]).toEqual(["../../out/x", "../../out"]);
    expect(readFileSync(join(into, "out/bin/x"), "utf8")).toBe("x");

    collected(["inside", "top", "out/x"], { seenAs: "/run/baton/workspace" });
    const other = await unpacked();
    expect([targetOf(other, "inside"), targetOf(other, "top")]).toEqual(["out/x", "."]);
  });

  test("SECURITY 31: one that leads out stays out, also where it begins like the workspace", () => {
    const targets = ["/etc/passwd", `${workspace}2/x`, `${workspace}/../x`, `${workspace}/a/../../x`];
    for (const [at, target] of targets.entries()) symlinkSync(target, join(workspace, `l${at}`));
    put("x");
    const { missed, packed } = collected(["**"]);
    expect(missed.map(({ name }) => name)).toEqual(["l0", "l1", "l2", "l3"]);
    expect(packed?.files).toBe(1);
  });
});

describe("folders that a pattern matches, and of which nothing is kept (case L17)", () => {
  const warningsOf = (...patterns: string[]) => collected(patterns).warnings;

  test("are told, with what would keep them", () => {
    for (const folder of ["out/a", "out/b", "one/deep", "empty/e"])
      mkdirSync(join(workspace, folder), { recursive: true });
    for (const path of ["out/f", "out/a/x", "out/b/x", "one/deep/x"]) put(path);
    expect(warningsOf("out/*")).toEqual([
      'artifact path "out/*" matches 2 folders, and keeps nothing of them; "out/*/**" keeps what is in them',
    ]);
    expect(warningsOf("one/*")).toEqual([
      'artifact path "one/*" matches the folder one/deep, and keeps nothing of it; "one/*/**" keeps what is in it',
    ]);
    expect(warningsOf("empty")).toEqual(['artifact path "empty" matches nothing: the folder empty holds no file']);
  });

  test("are no matter where another pattern keeps them, leaves them out, or where files of any depth are meant", () => {
    for (const folder of ["out/a", "out/empty"]) mkdirSync(join(workspace, folder), { recursive: true });
    for (const path of ["out/f", "out/a/x"]) put(path);
    expect(warningsOf("out/a*", "out/**")).toEqual([]);
    expect(warningsOf("out/*", "!out/a", "!out/empty")).toEqual([]);
    expect(warningsOf("out/**/*")).toEqual([]);
    expect(warningsOf("out")).toEqual([]);
  });
});
