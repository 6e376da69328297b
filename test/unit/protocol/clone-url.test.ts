import { expect, test } from "vitest";
import { projectBody } from "../../../shared/protocol/projects.ts";

const accepts = (cloneUrl: string): boolean =>
  projectBody.safeParse({ name: "app", forge: { kind: "github", repository: "owner/app", cloneUrl } }).success;

test.each([
  "https://git.example.com/owner/app.git",
  "http://127.0.0.1:8080/app.git",
  "ssh://git@github.com/owner/app.git",
  "ssh://git@git.example.com:2222/owner/app.git",
  "git@github.com:owner/app.git",
])("runners may clone %s", (url) => {
  expect(accepts(url)).toBe(true);
});

test.each([
  "https://user:token@github.com/owner/app.git",
  "https://token@github.com/owner/app.git",
  "ssh://git:secret@github.com/owner/app.git",
  "ssh://-oProxyCommand=id/app",
  "file:///srv/app",
  "/srv/app",
  "ext::sh -c id",
])("SECURITY 12 and 21: a project's clone URL is never %s: it holds no secret, names no option and no file", (url) => {
  expect(accepts(url)).toBe(false);
});
