import { expect, test } from "vitest";
import { COMMIT_TOKENS_MAX } from "../../../shared/domain/limits.ts";
import { parseInTurn } from "../../../shared/usecases/parse-in-turn.ts";
import { PIPELINES_HERE } from "../../../shared/usecases/pipelines.ts";

test("case A3: of the pipelines of one commit no more is read than a few seconds take", async () => {
  let read = 0;
  const parse = parseInTurn({
    pipelines: {
      ...PIPELINES_HERE,
      parse: async () => {
        read += 1;
        return { problems: [], tokens: COMMIT_TOKENS_MAX / 4 };
      },
    },
  });
  const paths = Array.from({ length: 64 }, (_, at) => `.baton/${at}.yml`);
  const answers = await Promise.all(paths.map((path) => parse({ path, text: "" })));
  expect(read).toBe(4);
  expect(answers.slice(4).map(({ problems }) => problems[0])).toEqual(
    paths.slice(4).map((file) => ({
      file,
      line: 1,
      column: 1,
      message:
        "not read: the commit's other pipelines have 2000000 words and signs of YAML; 2000000 are read of one commit (COMMIT_TOKENS_MAX)",
    })),
  );
});
