/** What is published: checked by the usual tools, weighed, installed from the tarball and used. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "../support/watchword.js";

const js = join(root, "js");
const tool = (name: string) => join(js, "node_modules/.bin", name);
const manifest = JSON.parse(readFileSync(join(js, "package.json"), "utf8")) as {
  exports: Record<string, unknown>;
  dependencies?: unknown;
};
const entries = Object.keys(manifest.exports).filter((path) => path !== "./package.json");

describe("the package", () => {
  let folder: string;
  let tarball: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "watchword-js-pack-"));
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--ignore-scripts", `--pack-destination=${folder}`], { cwd: js, encoding: "utf8" }),
    ) as [{ filename: string }];
    tarball = join(folder, packed.filename);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("needs nothing at run time", () => assert.equal(manifest.dependencies, undefined));

  test("weighs less than 6 kB, minified and compressed", async () => {
    const { outputFiles } = await build({
      entryPoints: [join(js, "dist/index.js")],
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      write: false,
    });
    const weight = gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
    assert.ok(weight < 6_000, `${weight} bytes`);
  });

  test("publint finds nothing", () => {
    execFileSync(tool("publint"), ["run", tarball, "--strict"], { stdio: "pipe" });
  });

  test("its types resolve for everybody who can import it", () => {
    execFileSync(tool("attw"), [tarball, "--profile", "esm-only", "--format", "ascii"], { stdio: "pipe" });
  });

  test("holds the build, and nothing else", () => {
    const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
    for (const file of files) assert.match(file, /^package\/(package\.json|README\.md|LICENSE|dist\/[a-z]+\.(js|d\.ts))$/);
    for (const name of ["index.js", "index.d.ts", "react.js", "server.d.ts"]) assert.ok(files.includes(`package/dist/${name}`));
  });

  test("installs, and every entry works and has its types", () => {
    const project = join(folder, "project");
    execFileSync("mkdir", [project]);
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], { cwd: project, stdio: "pipe" });
    // What it can work with is there only if one uses it.
    const adapted: Record<string, string[]> = { "./axios": ["axios"], "./react": ["react"], "./vue": ["vue"] };
    for (const entry of entries) {
      const name = `@watchword/client${entry.slice(1)}`;
      const alone = !(entry in adapted);
      if (alone)
        execFileSync(
          process.execPath,
          [
            "--input-type=module",
            "-e",
            `import * as it from ${JSON.stringify(name)}; if (Object.keys(it).length === 0) process.exit(1);`,
          ],
          { cwd: project, stdio: "pipe" },
        );
    }
    writeFileSync(
      join(project, "use.ts"),
      `import { createClient, memoryStorage, type State } from "@watchword/client";
import { withAuth } from "@watchword/client/fetch";
import { createServerAuth } from "@watchword/client/server";
import { cookieStorage } from "@watchword/client/storage";
const client = createClient({ baseURL: "https://id.example.org", delivery: "body", storage: memoryStorage() });
const state: State = await client.ready();
console.log(state.status, typeof withAuth(client), typeof createServerAuth, typeof cookieStorage);
`,
    );
    execFileSync(
      tool("tsc"),
      ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "--types", "", "use.ts"],
      { cwd: project, stdio: "pipe" },
    );
    const said = execFileSync(process.execPath, ["use.js"], { cwd: project, encoding: "utf8" });
    assert.equal(said, "signed-out function function function\n");
  });
});
