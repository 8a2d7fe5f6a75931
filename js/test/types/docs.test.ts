/** Every piece of TypeScript in the documents compiles as it stands there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { root } from "../support/watchword.js";

const documents = ["docs/browser.md", "docs/from-the-tutorials.md", "js/README.md"];

test("the documents' code compiles", () => {
  const folder = join(root, "js/build/docs");
  mkdirSync(folder, { recursive: true });
  const files = documents.flatMap((document) => {
    const pieces = [...readFileSync(join(root, document), "utf8").matchAll(/^```tsx?\n(.*?)^```$/gms)];
    assert.ok(pieces.length > 0, document);
    return pieces.map(([, code], index) => {
      const file = join(folder, `${basename(document, ".md")}-${index + 1}.tsx`);
      writeFileSync(file, code!);
      return file;
    });
  });
  const options = [
    "--noEmit",
    "--ignoreConfig",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--lib",
    "es2022,dom,dom.iterable",
    "--jsx",
    "react-jsx",
    "--types",
    "",
    "--skipLibCheck",
  ];
  execFileSync(join(root, "js/node_modules/.bin/tsc"), [...options, ...files], {
    cwd: join(root, "js"),
    stdio: ["ignore", "inherit", "inherit"],
  });
});
